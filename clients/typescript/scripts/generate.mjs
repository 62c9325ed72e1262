// Reads the OpenAPI document from standard input and prints the types of src/schema.ts (`make client`).
import { text } from "node:stream/consumers";
import openapiTS, { astToString } from "openapi-typescript";

const document = JSON.parse(await text(process.stdin));

// Every error has the one body, and ApiError tells them apart: without this, and without the headers, titles
// and examples that no type needs, the file would be eight times as long.
const failure = {
  description: "An error",
  content: { "application/json": { schema: { $ref: "#/components/schemas/Failure" } } },
};
for (const path of Object.values(document.paths)) {
  for (const operation of Object.values(path)) {
    for (const parameter of operation.parameters) delete parameter.example;
    dropExamples(operation.requestBody);
    for (const [status, response] of Object.entries(operation.responses)) {
      delete response.headers;
      dropExamples(response);
      // A health check's 503 has a body of its own.
      if (response.content?.["application/problem+json"]) {
        delete operation.responses[status];
        operation.responses.default = failure;
      }
    }
  }
}
delete document.components.schemas.Problem;
delete document.components.examples;
dropTitles(document);

const nodes = await openapiTS(document, {
  alphabetize: true,
  // A field with a default may be left out of a request, and is left out of an answer where it was never set.
  defaultNonNullable: false,
});
process.stdout.write(
  `// Written by \`make client\` from the OpenAPI document; a test compares it.\n\n${astToString(nodes)}`,
);

function dropExamples(body) {
  for (const content of Object.values(body?.content ?? {})) delete content.example;
}

function dropTitles(value) {
  if (typeof value !== "object" || value === null) return;
  // A property that is called title is an object here.
  if (typeof value.title === "string") delete value.title;
  for (const part of Object.values(value)) dropTitles(part);
}
