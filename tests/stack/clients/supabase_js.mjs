// The official client, unmodified, as a member's app uses it. Prints one JSON object a step; the test acts in between.
import { createClient } from "@supabase/supabase-js";
import WebSocket from "ws";

const { SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY, SUPABASE_SECRET_KEY, EMAIL, PASSWORD, OTHER_USER, VSN } =
  process.env;
const options = {
  auth: { persistSession: false, autoRefreshToken: false },
  realtime: { transport: WebSocket, vsn: VSN },
};
const tell = (step, fields = {}) => console.log(JSON.stringify({ step, ...fields }));
const must = ({ data, error }) => {
  if (error) throw error;
  return data;
};

const supabase = createClient(SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY, options);
const service = createClient(SUPABASE_URL, SUPABASE_SECRET_KEY, options);

const { user } = must(
  await supabase.auth.signUp({ email: EMAIL, password: PASSWORD, options: { data: { first_name: "Anna" } } }),
);
must(await supabase.auth.signOut());
const wrong = await supabase.auth.signInWithPassword({ email: EMAIL, password: "not this" });
must(await supabase.auth.signInWithPassword({ email: EMAIL, password: PASSWORD }));
const { claims } = must(await supabase.auth.getClaims());
tell("signed_in", { user: user.id, wrong: wrong.error.code, claims });

const { data: profiles, count } = await supabase
  .from("profiles")
  .select("id, first_name", { count: "exact" });
const other = await supabase.from("profiles").select("id").eq("id", OTHER_USER);
tell("profiles", { profiles, count, other: must(other) });

const joined = (channel) =>
  new Promise((resolve) => channel.subscribe((status, error) => resolve({ status, error: error?.message })));
const waiting = [];
const received = [];
const next = () =>
  new Promise((resolve) => (received.length ? resolve(received.shift()) : waiting.push(resolve)));
const room = supabase
  .channel(`room-${user.id}`, { config: { private: true } })
  .on("broadcast", { event: "*" }, ({ event, payload }) => {
    const message = { event, payload };
    waiting.length ? waiting.shift()(message) : received.push(message);
  });
const own = await joined(room);
const foreign = supabase.channel(`room-${OTHER_USER}`, { config: { private: true } });
const refused = await joined(foreign);
await supabase.removeChannel(foreign);
tell("joined", { own, refused });

tell("from_sql", await next());

const sender = service.channel(`room-${user.id}`, { config: { private: true } });
await sender.httpSend("by_http", { n: 2 });
tell("by_http", await next());
await service.removeChannel(sender);

const before = must(await supabase.auth.getSession()).session;
const after = must(await supabase.auth.refreshSession()).session;
const created = must(
  await service.auth.admin.createUser({ email: `admin-${EMAIL}`, password: PASSWORD, email_confirm: true }),
);
const listed = must(await service.auth.admin.listUsers({ page: 1, perPage: 2 }));
must(await service.auth.admin.deleteUser(created.user.id));
tell("administered", {
  refreshed: before.refresh_token !== after.refresh_token,
  listed: listed.users.map((each) => each.email),
  total: listed.total,
});

await supabase.removeAllChannels();
must(await supabase.auth.signOut());
const gone = await createClient(SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY, options).auth.getUser(
  after.access_token,
);
tell("signed_out", { gone: gone.error.name });
// The client's own timers would keep the process.
process.exit(0);
