// The official client's MFA, unmodified, from enrolment to its end. Prints one JSON object of what it saw.
import { createHmac } from "node:crypto";
import { createClient } from "@supabase/supabase-js";
import WebSocket from "ws";

const { SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY, EMAIL, PASSWORD } = process.env;
const supabase = createClient(SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY, {
  auth: { persistSession: false, autoRefreshToken: false },
  realtime: { transport: WebSocket },
});
const must = ({ data, error }) => {
  if (error) throw error;
  return data;
};

// What an authenticator shows (RFC 6238 over RFC 4226): SHA-1, six digits, thirty seconds.
function codeOf(secret) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((octet) => Number.parseInt(octet, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const digest = createHmac("sha1", key).update(counter).digest();
  const number = digest.readUInt32BE(digest[19] & 0xf) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

must(await supabase.auth.signUp({ email: EMAIL, password: PASSWORD }));
const enrolled = must(await supabase.auth.mfa.enroll({ factorType: "totp", friendlyName: "Phone" }));
const challenge = must(await supabase.auth.mfa.challenge({ factorId: enrolled.id }));
const wrong = await supabase.auth.mfa.verify({
  factorId: enrolled.id,
  challengeId: challenge.id,
  code: "000000" === codeOf(enrolled.totp.secret) ? "111111" : "000000",
});
must(
  await supabase.auth.mfa.verify({
    factorId: enrolled.id,
    challengeId: challenge.id,
    code: codeOf(enrolled.totp.secret),
  }),
);
const raised = must(await supabase.auth.mfa.getAuthenticatorAssuranceLevel());
must(await supabase.auth.signOut());
must(await supabase.auth.signInWithPassword({ email: EMAIL, password: PASSWORD }));
const fresh = must(await supabase.auth.mfa.getAuthenticatorAssuranceLevel());
must(
  await supabase.auth.mfa.challengeAndVerify({ factorId: enrolled.id, code: codeOf(enrolled.totp.secret) }),
);
must(await supabase.auth.refreshSession());
const refreshed = must(await supabase.auth.mfa.getAuthenticatorAssuranceLevel());
const listed = must(await supabase.auth.mfa.listFactors());
must(await supabase.auth.mfa.unenroll({ factorId: enrolled.id }));
must(await supabase.auth.refreshSession());
const after = must(await supabase.auth.mfa.getAuthenticatorAssuranceLevel());
console.log(
  JSON.stringify({
    drawing: enrolled.totp.qr_code.slice(0, 31),
    wrong: wrong.error.code,
    levels: [raised, fresh, refreshed, after].map((each) => [each.currentLevel, each.nextLevel]),
    listed: listed.totp.map((factor) => [factor.friendly_name, factor.status]),
  }),
);
process.exit(0);
