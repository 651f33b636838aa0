/* Copy buttons for the curl lines; without this script the lines can still be selected. */
for (const button of document.querySelectorAll(".copy")) {
  if (!navigator.clipboard) break; // only https and localhost have it
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
}
