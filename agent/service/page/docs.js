// The documentation of the API, made of this server's own OpenAPI description.

import { request } from "./api.js";

const METHODS = ["get", "post", "put", "patch", "delete"];

function element(name, text = "", ...children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children.filter(Boolean));
  return made;
}

/** Return the type of a schema in words: a name, an array, one of several. */
function typeOf(schema) {
  if (!schema || !Object.keys(schema).length) return "any";
  if (schema.$ref) return schema.$ref.split("/").pop();
  const several = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (several) return several.map(typeOf).join(" or ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.type === "array") return `array of ${typeOf(schema.items)}`;
  return schema.format ? `${schema.type} (${schema.format})` : schema.type ?? "any";
}

function table(caption, heads, rows) {
  if (!rows.length) return null;
  const made = element("table", "", element("caption", caption));
  made.append(element("tr", "", ...heads.map((head) => element("th", head))));
  for (const row of rows) made.append(element("tr", "", ...row.map((cell) => element("td", cell))));
  return element("div", "", made);
}

/** Return the names of the schemas that a value refers to, and those that these refer to. */
function named(value, schemas, found = new Set()) {
  for (const [, name] of JSON.stringify(value ?? {}).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
    if (found.has(name)) continue;
    found.add(name);
    named(schemas[name], schemas, found);
  }
  return found;
}

function fields(name, schema) {
  const rows = Object.entries(schema?.properties ?? {}).map(([field, its]) => [
    field,
    typeOf(its),
    schema.required?.includes(field) ? "yes" : "",
    its.description ?? (its.default !== undefined ? `default ${JSON.stringify(its.default)}` : ""),
  ]);
  return table(name, ["field", "type", "required", ""], rows);
}

function operation(path, method, described, schemas) {
  const details = element("details", "", element("summary", `${method.toUpperCase()} ${path}`));
  details.id = `${method}-${path.replaceAll(/[^a-z0-9]+/gi, "-")}`;
  details.append(element("p", described.description ?? described.summary ?? ""));
  const parameters = (described.parameters ?? []).map((its) => [
    its.name,
    its.in,
    typeOf(its.schema),
    its.required ? "yes" : "",
    its.description ?? "",
  ]);
  details.append(table("Parameters", ["name", "in", "type", "required", ""], parameters) ?? "");
  const bodies = Object.entries(described.requestBody?.content ?? {}).map(([type, its]) => [type, typeOf(its.schema)]);
  details.append(table("Body", ["content", "type"], bodies) ?? "");
  for (const name of named(described.requestBody, schemas)) details.append(fields(name, schemas[name]) ?? "");
  const answers = Object.entries(described.responses ?? {}).map(([status, its]) => [
    status,
    its.description ?? "",
    Object.values(its.content ?? {}).map((content) => typeOf(content.schema)).join(", "),
  ]);
  details.append(table("Answers", ["status", "", "type"], answers) ?? "");
  return details;
}

function show(api) {
  document.querySelector("#about").textContent = `version ${api.info.version}`;
  document.querySelector("#description").textContent = api.info.description ?? "";
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((name) => methods[name])) {
      const group = methods[method].tags?.[0] ?? "other";
      const made = operation(path, method, methods[method], api.components?.schemas ?? {});
      groups.set(group, [...(groups.get(group) ?? []), made]);
    }
  }
  const cards = [...groups].map(([group, operations]) => {
    const card = element("section", "", element("h2", group), ...operations);
    card.className = "card";
    return card;
  });
  document.querySelector("#operations").replaceChildren(...cards);
}

request("openapi.json").then(show, (error) => {
  document.querySelector("#operations").textContent = `The description cannot be read: ${error.message}`;
});
