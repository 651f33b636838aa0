// Show the published interface. Credentials that are typed in are gone with the page.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#interface",
  docExpansion: "list",
  persistAuthorization: false,
  validatorUrl: null,
});
