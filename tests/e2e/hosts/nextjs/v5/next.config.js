export { default } from "../common/next.config.js"
