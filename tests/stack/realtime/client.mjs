// Joins, is refused, broadcasts and listens with realtime-js as it is; says each step in one line of JSON.
import { RealtimeClient } from "@supabase/realtime-js";
import WebSocket from "ws";

const { REALTIME_URL, API_KEY, TOKEN, DESK, ANOTHER } = process.env;
const say = (step) => console.log(JSON.stringify(step));

const client = new RealtimeClient(REALTIME_URL, { params: { apikey: API_KEY }, transport: WebSocket });
await client.setAuth(TOKEN);

const subscribed = (channel) =>
  new Promise((resolve) => channel.subscribe((status, error) => resolve([status, error])));
const heard = (channel, event) =>
  new Promise((resolve) => channel.on("broadcast", { event }, ({ payload }) => resolve(payload)));

const desk = client.channel(DESK, { config: { private: true, broadcast: { self: true, ack: true } } });
const note = heard(desk, "note");
const bytes = heard(desk, "bytes");
const http = heard(desk, "http");
const sql = heard(desk, "sql");
say({ desk: (await subscribed(desk))[0] });

const another = client.channel(ANOTHER, { config: { private: true } });
const [status, error] = await subscribed(another);
say({ another: status, error: String(error?.message ?? error) });
await client.removeChannel(another);

const sent = await desk.send({ type: "broadcast", event: "note", payload: { text: "año" } });
say({ note: await note, sent });
await desk.send({ type: "broadcast", event: "bytes", payload: new Uint8Array([0, 255]).buffer });
say({ bytes: [...new Uint8Array(await bytes)] });
await desk.httpSend("http", { text: "by http" });
say({ http: await http });
say({ sql: await sql });
say({ left: await client.removeChannel(desk) });
await client.disconnect();
process.exit(0);
