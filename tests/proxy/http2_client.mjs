// Calendar streams over one HTTP/2 connection: `node http2_client.mjs ORIGIN PATH TOKEN COUNT`.
// Prints a JSON line for each answer and each event; a number on standard input gives up that stream alone.
import { connect, constants } from "node:http2";
import { createInterface } from "node:readline";

const [origin, path, token, count] = process.argv.slice(2);
const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
// The test's certificate is signed by nobody.
const session = connect(origin, { rejectUnauthorized: false });
const streams = Array.from({ length: Number(count) }, (_, stream) => {
  const request = session.request({ ":path": path, authorization: `Bearer ${token}` });
  request.on("response", (headers) => tell({ stream, status: headers[":status"] }));
  request.on("error", () => {});
  createInterface({ input: request }).on("line", (line) => {
    if (line.startsWith("event: ")) tell({ stream, event: line.slice("event: ".length) });
  });
  return request;
});
createInterface({ input: process.stdin })
  .on("line", (line) => streams[Number(line)].close(constants.NGHTTP2_CANCEL))
  .on("close", () => session.destroy());
