// Build each framework's page: `node build.mjs OUT` writes OUT/<framework>.<build>.js for browsers, and .cjs, which
// prints the page as its server renders it. Both get the page's properties as JSON.
import { readFile } from "node:fs/promises";
import { build } from "esbuild";
import { compile } from "svelte/compiler";
import { compileScript, parse } from "vue/compiler-sfc";

const PAGES = {
  react: {
    browser: `import { createElement, StrictMode } from "react";
      import { createRoot, hydrateRoot } from "react-dom/client";
      import Page from "./Page.jsx";
      const page = createElement(StrictMode, null, createElement(Page, properties));
      if (hydrate) hydrateRoot(root, page);
      else createRoot(root).render(page);`,
    server: `import { createElement, StrictMode } from "react";
      import { renderToString } from "react-dom/server";
      import Page from "./Page.jsx";
      print(renderToString(createElement(StrictMode, null, createElement(Page, properties))));`,
  },
  vue: {
    browser: `import { createApp, createSSRApp } from "vue";
      import Page from "./Page.vue";
      (hydrate ? createSSRApp : createApp)(Page, properties).mount(root);`,
    server: `import { createSSRApp } from "vue";
      import { renderToString } from "vue/server-renderer";
      import Page from "./Page.vue";
      renderToString(createSSRApp(Page, properties)).then(print);`,
  },
  svelte: {
    browser: `import Page from "./Page.svelte";
      new Page({ target: root, props: properties, hydrate });`,
    server: `import Page from "./Page.svelte";
      print(Page.render(properties).html);`,
  },
};
const START = {
  browser: `const root = document.getElementById("root"), hydrate = root.hasChildNodes();
    const properties = JSON.parse(document.getElementById("properties").textContent);`,
  server: `const properties = JSON.parse(process.argv[2]), print = (html) => process.stdout.write(html);`,
};

/** Compile single-file components as the bundlers' plugins do. */
const components = (production, ssr) => ({
  name: "components",
  setup({ onLoad }) {
    onLoad({ filter: /\.vue$/ }, async ({ path }) => {
      const compilerOptions = { isCustomElement: (tag) => tag.includes("-") };
      const { descriptor } = parse(await readFile(path, "utf8"), { filename: path, templateParseOptions: compilerOptions });
      const templateOptions = { ssr, ssrCssVars: [], compilerOptions };
      const { content } = compileScript(descriptor, { id: "page", inlineTemplate: true, isProd: production, templateOptions });
      return { contents: content, loader: "js" };
    });
    onLoad({ filter: /\.svelte$/ }, async ({ path }) => {
      const options = { filename: path, dev: !production, hydratable: true, generate: ssr ? "ssr" : "dom" };
      return { contents: compile(await readFile(path, "utf8"), options).js.code, loader: "js" };
    });
  },
});

function bundle(framework, target, production) {
  const ssr = target === "server";
  const name = production ? "production" : "development";
  return build({
    stdin: { contents: START[target] + PAGES[framework][target], resolveDir: process.cwd() },
    outfile: `${process.argv[2]}/${framework}.${name}.${ssr ? "cjs" : "js"}`,
    bundle: true,
    minify: production,
    platform: ssr ? "node" : "browser",
    format: ssr ? "cjs" : "esm",
    jsx: "automatic",
    jsxDev: !production,
    conditions: [name],
    define: {
      "process.env.NODE_ENV": JSON.stringify(name),
      __VUE_OPTIONS_API__: "true",
      __VUE_PROD_DEVTOOLS__: "false",
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false",
    },
    plugins: [components(production, ssr)],
    logLevel: "warning",
  });
}

for (const framework of Object.keys(PAGES))
  for (const production of [false, true])
    for (const target of ["browser", "server"]) await bundle(framework, target, production);
