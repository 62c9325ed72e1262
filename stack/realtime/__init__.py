"""The embedded stack's Realtime: channels, broadcasts and their policies, in Supabase Realtime's protocol.

It knows broadcasts (from the database, from clients, over HTTP) on public and private channels. Presence is
accepted and always empty; postgres_changes is refused.
"""
