"""The one URL of the embedded Supabase: what a client of a hosted project finds under its address.

`/rest/v1` is lite's REST behind the key and token rules of the hosted gateway, `/auth/v1` is lite's Auth
with what Supabase Auth has and lite lacks (ES256 tokens, their JWKS, the admin API), `/realtime/v1` is the
Realtime process. Run as `python -m stack.gateway`.
"""
