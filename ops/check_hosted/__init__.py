"""Whether a hosted Supabase project is what the BFF expects: a checklist that reads and never writes."""
