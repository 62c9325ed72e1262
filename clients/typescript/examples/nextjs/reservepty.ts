import { createApi, type TokenSource } from "@reservepty/client";
import { createClient } from "@supabase/supabase-js";

export const supabase = createClient(
  process.env.NEXT_PUBLIC_SUPABASE_URL as string,
  process.env.NEXT_PUBLIC_SUPABASE_ANON_KEY as string,
);

const token: TokenSource = async (rejected) => {
  let { data, error } = await supabase.auth.getSession();
  // The server does not take this one any more, or will not soon.
  if (data.session && data.session.access_token === rejected) {
    ({ data, error } = await supabase.auth.refreshSession());
  }
  // Without a network nothing can be refreshed: whoever asked tries again.
  if (!data.session) throw error ?? new Error("Nobody is signed in.");
  return data.session.access_token;
};

/** Where the BFF answers, for whom, and in which language. */
export const connection = {
  baseUrl: process.env.NEXT_PUBLIC_RESERVEPTY_URL as string,
  token,
  language: () => document.documentElement.lang || undefined,
};

export const api = createApi(connection);
