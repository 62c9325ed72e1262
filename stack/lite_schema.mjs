// Prints the SQL of the tables that lite keeps its users and sessions in. lite makes them at its own start, but the
// migrations, which come before that, put a trigger on auth.users.
import { App } from "@supabase/lite";
import { createPostgresConnection } from "@supabase/lite/postgres";

const connection = createPostgresConnection({ url: "postgres://unused@127.0.0.1:1/unused" });
const app = new App({ connection, auth: { enabled: true, jwt_secret: "unused" } });
await app.init();
process.stdout.write(connection.config.baseSchema);
process.exit(0);
