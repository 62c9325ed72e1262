// The official client, unmodified, uploads and reads a photo. Prints one JSON object.
import { createClient } from "@supabase/supabase-js";
import WebSocket from "ws";

const { SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY, ADMIN_TOKEN, MEMBER_TOKEN, FOLDER } = process.env;
const bucket = (token) =>
  createClient(SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY, {
    accessToken: async () => token,
    realtime: { transport: WebSocket },
  }).storage.from("asset-photos");
const must = ({ data, error }) => {
  if (error) throw error;
  return data;
};
const admin = bucket(ADMIN_TOKEN);
const member = bucket(MEMBER_TOKEN);
const bytes = Uint8Array.from({ length: 1024 }, (_, place) => place % 256);

// As bytes, and as a Blob, which goes as a form.
const told = {
  refused: (await member.createSignedUploadUrl(`${FOLDER}/no.png`)).error.statusCode,
  uploaded: [],
  same: [],
};
for (const [name, body] of [
  ["raw.png", bytes],
  ["form.png", new Blob([bytes], { type: "image/png" })],
]) {
  const { path, token } = must(await admin.createSignedUploadUrl(`${FOLDER}/${name}`));
  const { fullPath } = must(await admin.uploadToSignedUrl(path, token, body, { contentType: "image/png" }));
  told.uploaded.push(fullPath);
}
const paths = ["raw.png", "form.png", "absent.png"].map((name) => `${FOLDER}/${name}`);
const signed = must(await member.createSignedUrls(paths, 60));
told.signed = signed.map(({ signedUrl }) => signedUrl !== null);
for (const { signedUrl } of signed.slice(0, 2)) {
  const answer = await fetch(signedUrl);
  const read = new Uint8Array(await answer.arrayBuffer());
  told.same.push(answer.headers.get("content-type") === "image/png" && Buffer.compare(read, bytes) === 0);
}
told.one = (await fetch(must(await member.createSignedUrl(paths[0], 60)).signedUrl)).status;
told.listed = must(await member.list(FOLDER)).length;
told.kept = must(await member.remove([paths[0]])).length;
told.removed = must(await admin.remove([paths[0]])).length;
told.gone = (await member.download(paths[0])).error.message;
console.log(JSON.stringify(told));
process.exit(0);
