"""The embedded Supabase for development and tests. It knows the BFF not at all."""
