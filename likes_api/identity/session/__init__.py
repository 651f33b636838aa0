"""Sessions of the host application's own sign-in: NextAuth and Auth.js, either strategy, by cookie."""
