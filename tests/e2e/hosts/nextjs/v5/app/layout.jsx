export { default, metadata } from "../../common/layout.jsx"
