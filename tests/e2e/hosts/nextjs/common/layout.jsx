export const metadata = { title: "Questions", icons: "data:," }

export default function Layout({ children }) {
  return (
    <html lang="en">
      <body>
        {children}
        <footer>
          <like-button entry="the-site" label="Like this site" />
        </footer>
        <script type="module" src="/widget/like-button.js" />
      </body>
    </html>
  )
}
