// `next build` reads this and writes the rules into .next: LIKES_API_URL must be set then.
const likesApi = process.env.LIKES_API_URL

export default {
  rewrites: () =>
    [
      "/api/likes",
      "/api/targets/:path*",
      "/api/votes/:path*",
      "/api/counts",
      "/api/me/:path*",
      "/!/simple-likes/:path*",
      "/widget/:path*",
    ].map((source) => ({ source, destination: likesApi + source })),
}
