-- Written by `make schema`: what the migrations leave behind. A test compares it; nothing runs it.

-- schemas
schema app; grants usage to authenticated

-- extensions
extension btree_gist in extensions
extension pg_stat_statements in extensions
extension pg_trgm in extensions
extension pgcrypto in extensions
extension unaccent in extensions
extension uuid-ossp in extensions

-- types
type app.feature as enum (displacement, waitlist, bulk_assets, calendar_stream)
type public.asset_section as enum (planes, helicopters, residences, watercraft)
type public.member_role as enum (owner, admin, manager, member, viewer)
type public.reservation_status as enum (hold, pending, approved, rejected, canceled, completed, expired, displaced)
type public.rule_approval_type as enum (any_approver, all_principals, tier_members, specific_users, quorum)
type public.rule_effect as enum (deny, require_approval)
type public.rule_type as enum (date_range, holiday, lead_time, advance_window, duration, max_consecutive_days, quota, consecutive_booking, concurrent_booking, max_open, custom)
type public.subscription_status as enum (trial, active, past_due, canceled, complimentary)
type public.waitlist_status as enum (waiting, offered, accepted, expired, canceled)

-- relations
table app.access_epochs with row level security; grants none
table app.asset_documents with row level security; grants none
table app.audit_chain with row level security; grants none
table app.audit_heads with row level security (fillfactor=50); grants none
table app.audit_unsealed with row level security; grants none
table app.event_counters with row level security (fillfactor=10); grants none
table app.feature_flags with row level security; grants none
table app.idempotency_keys with row level security; grants none
table app.invitation_tokens with row level security; grants none
materialized view app.mv_organization_stats; grants none
table app.occupancy with row level security; grants none
sequence app.occupancy_id_seq; grants none
view app.organization_figures; grants none
table app.past_members with row level security; grants none
table app.series_instances with row level security; grants none
table app.spent_tickets with row level security; grants none
table app.stats_refreshed with row level security; grants none
table app.time_zones with row level security; grants none
table public.approval_delegations with row level security; grants select to authenticated, delete/insert/select/update to service_role
table public.approval_requests with row level security; grants select to authenticated, delete/insert/select/update to service_role
table public.asset_photos with row level security; grants delete/select to authenticated, delete/insert/select/update to service_role
table public.assets with row level security; grants select to authenticated, delete/insert/select/update to service_role
table public.audit_logs with row level security; grants select to authenticated
table public.blackout_dates with row level security; grants delete/select to authenticated, delete/insert/select/update to service_role
table public.calendar_events with row level security; grants select to authenticated, select to service_role
table public.entitlements with row level security; grants select to authenticated, delete/insert/select/update to service_role
table public.holidays with row level security; grants delete/select to authenticated, delete/insert/select/update to service_role
table public.invitations with row level security; grants select to authenticated, delete/insert/select/update to service_role
table public.maintenance_windows with row level security; grants select to authenticated, delete/insert/select/update to service_role
table public.organization_members with row level security; grants select to authenticated, delete/insert/select/update to service_role
table public.organizations with row level security; grants select to authenticated, delete/insert/select/update to service_role
table public.profiles with row level security; grants select to authenticated, delete/insert/select/update to service_role
table public.reservation_details with row level security; grants select to authenticated, delete/insert/select/update to service_role
table public.reservation_guests with row level security; grants select to authenticated, delete/insert/select/update to service_role
table public.reservation_series with row level security; grants select to authenticated, delete/insert/select/update to service_role
table public.reservations with row level security; grants select to authenticated, delete/insert/select/update to service_role
table public.rule_approvals with row level security; grants select to authenticated, delete/insert/select/update to service_role
table public.subscriptions with row level security; grants select to authenticated, delete/insert/select/update to service_role
table public.tier_booking_rules with row level security; grants delete/select to authenticated, delete/insert/select/update to service_role
table public.tier_rule_assets with row level security; grants delete/select to authenticated, delete/insert/select/update to service_role
table public.tier_rules with row level security; grants delete/select to authenticated, delete/insert/select/update to service_role
table public.tiers with row level security; grants delete/select to authenticated, delete/insert/select/update to service_role
table public.waitlist_entries with row level security; grants select to authenticated, delete/insert/select/update to service_role

-- columns
column app.access_epochs.organization_id uuid not null
column app.access_epochs.epoch bigint not null
column app.asset_documents.asset_id uuid not null
column app.asset_documents.document tsvector not null
column app.audit_chain.chain_id uuid not null
column app.audit_chain.position bigint not null
column app.audit_chain.entry_id uuid not null
column app.audit_chain.sealed_at timestamp with time zone not null
column app.audit_chain.previous_hash bytea not null
column app.audit_chain.hash bytea not null
column app.audit_heads.chain_id uuid not null
column app.audit_heads.position bigint not null default 0
column app.audit_heads.hash bytea not null default decode(repeat('00'::text, 32), 'hex'::text)
column app.audit_heads.sealed_at timestamp with time zone not null default clock_timestamp()
column app.audit_unsealed.chain_id uuid not null
column app.audit_unsealed.created_at timestamp with time zone not null
column app.audit_unsealed.entry_id uuid not null
column app.audit_unsealed.waiting_since timestamp with time zone not null default clock_timestamp()
column app.event_counters.organization_id uuid not null
column app.event_counters.last_seq bigint not null default 0
column app.event_counters.last_id uuid not null default '00000000-0000-0000-0000-000000000000'::uuid
column app.feature_flags.id uuid not null default gen_random_uuid()
column app.feature_flags.feature app.feature not null
column app.feature_flags.organization_id uuid
column app.feature_flags.enabled boolean not null
column app.feature_flags.reason text
column app.feature_flags.version integer not null default 1
column app.feature_flags.created_at timestamp with time zone not null default now()
column app.feature_flags.updated_at timestamp with time zone not null default now()
column app.idempotency_keys.user_id uuid not null
column app.idempotency_keys.route text not null
column app.idempotency_keys.key text not null
column app.idempotency_keys.request_hash bytea not null
column app.idempotency_keys.response jsonb
column app.idempotency_keys.created_at timestamp with time zone not null default now()
column app.invitation_tokens.hash bytea not null
column app.invitation_tokens.invitation_id uuid not null
column app.mv_organization_stats.organization_id uuid
column app.mv_organization_stats.member_count integer
column app.mv_organization_stats.asset_count integer
column app.mv_organization_stats.upcoming_bookings integer
column app.mv_organization_stats.pending_approvals integer
column app.mv_organization_stats.assets_by_section jsonb
column app.mv_organization_stats.upcoming_by_section jsonb
column app.mv_organization_stats.pending_by_section jsonb
column app.occupancy.id bigint not null
column app.occupancy.asset_id uuid not null
column app.occupancy.occupied tstzrange not null
column app.occupancy.kind text not null
column app.occupancy.source_id uuid not null
column app.occupancy.expires_at timestamp with time zone
column app.organization_figures.organization_id uuid
column app.organization_figures.member_count integer
column app.organization_figures.asset_count integer
column app.organization_figures.upcoming_bookings integer
column app.organization_figures.pending_approvals integer
column app.organization_figures.assets_by_section jsonb
column app.organization_figures.upcoming_by_section jsonb
column app.organization_figures.pending_by_section jsonb
column app.past_members.organization_id uuid not null
column app.past_members.user_id uuid not null
column app.series_instances.series_id uuid not null
column app.series_instances.place integer not null
column app.series_instances.starts_at timestamp without time zone not null
column app.series_instances.reservation_id uuid
column app.series_instances.outcome text not null
column app.series_instances.detached boolean not null default false
column app.spent_tickets.id uuid not null
column app.spent_tickets.expires_at timestamp with time zone not null
column app.stats_refreshed.only_row boolean not null default true
column app.stats_refreshed.as_of timestamp with time zone not null
column app.time_zones.name text not null
column public.approval_delegations.id uuid not null default gen_random_uuid()
column public.approval_delegations.organization_id uuid not null
column public.approval_delegations.user_id uuid not null
column public.approval_delegations.delegate_id uuid not null
column public.approval_delegations.starts_at timestamp with time zone not null default now()
column public.approval_delegations.ends_at timestamp with time zone not null
column public.approval_delegations.created_at timestamp with time zone not null default now()
column public.approval_requests.id uuid not null default gen_random_uuid()
column public.approval_requests.organization_id uuid not null
column public.approval_requests.reservation_id uuid not null
column public.approval_requests.user_id uuid
column public.approval_requests.submitted_by uuid
column public.approval_requests.rule_id uuid
column public.approval_requests.rule_type text not null
column public.approval_requests.rule_name text
column public.approval_requests.rule_version integer
column public.approval_requests.approval_type text not null
column public.approval_requests.approver_tier_id uuid
column public.approval_requests.approver_user_ids uuid[]
column public.approval_requests.required integer not null
column public.approval_requests.fell_to_owners boolean not null default false
column public.approval_requests.timeout_hours integer not null
column public.approval_requests.status text not null default 'pending'::text
column public.approval_requests.expires_at timestamp with time zone not null
column public.approval_requests.escalated_at timestamp with time zone
column public.approval_requests.version integer not null default 1
column public.approval_requests.created_at timestamp with time zone not null default now()
column public.approval_requests.updated_at timestamp with time zone not null default now()
column public.asset_photos.id uuid not null default gen_random_uuid()
column public.asset_photos.organization_id uuid not null; grants insert to authenticated
column public.asset_photos.asset_id uuid not null; grants insert to authenticated
column public.asset_photos.url text; grants insert/update to authenticated
column public.asset_photos.caption text; grants insert/update to authenticated
column public.asset_photos.display_order integer not null default 0; grants insert/update to authenticated
column public.asset_photos.version integer not null default 1
column public.asset_photos.created_at timestamp with time zone not null default now()
column public.asset_photos.updated_at timestamp with time zone not null default now()
column public.asset_photos.path text; grants insert to authenticated
column public.assets.id uuid not null default gen_random_uuid()
column public.assets.organization_id uuid not null; grants insert to authenticated
column public.assets.section public.asset_section not null; grants insert/update to authenticated
column public.assets.name text not null; grants insert/update to authenticated
column public.assets.description text; grants insert/update to authenticated
column public.assets.details jsonb not null default '{}'::jsonb; grants insert/update to authenticated
column public.assets.timezone text not null default 'America/Panama'::text; grants insert/update to authenticated
column public.assets.turnaround_minutes integer not null default 0; grants insert/update to authenticated
column public.assets.check_in time without time zone; grants insert/update to authenticated
column public.assets.check_out time without time zone; grants insert/update to authenticated
column public.assets.capacity integer; grants insert/update to authenticated
column public.assets.current_location jsonb; grants insert/update to authenticated
column public.assets.primary_photo_url text; grants insert/update to authenticated
column public.assets.is_active boolean not null default true; grants insert/update to authenticated
column public.assets.deleted_at timestamp with time zone; grants update to authenticated
column public.assets.version integer not null default 1
column public.assets.created_at timestamp with time zone not null default now()
column public.assets.updated_at timestamp with time zone not null default now()
column public.audit_logs.id uuid not null default gen_random_uuid()
column public.audit_logs.created_at timestamp with time zone not null default clock_timestamp()
column public.audit_logs.user_id uuid
column public.audit_logs.organization_id uuid
column public.audit_logs.action text not null
column public.audit_logs.resource_type text
column public.audit_logs.resource_id uuid
column public.audit_logs.ip_address inet
column public.audit_logs.user_agent text
column public.audit_logs.request_method text
column public.audit_logs.request_path text
column public.audit_logs.request_body jsonb
column public.audit_logs.response_status smallint
column public.audit_logs.error_message text
column public.audit_logs.duration_ms numeric(12,3)
column public.audit_logs.metadata jsonb not null default '{}'::jsonb
column public.blackout_dates.id uuid not null default gen_random_uuid()
column public.blackout_dates.organization_id uuid not null; grants insert to authenticated
column public.blackout_dates.tier_id uuid; grants insert/update to authenticated
column public.blackout_dates.asset_id uuid; grants insert/update to authenticated
column public.blackout_dates.start_date date not null; grants insert/update to authenticated
column public.blackout_dates.end_date date not null; grants insert/update to authenticated
column public.blackout_dates.reason text; grants insert/update to authenticated
column public.blackout_dates.version integer not null default 1
column public.blackout_dates.created_at timestamp with time zone not null default now()
column public.blackout_dates.updated_at timestamp with time zone not null default now()
column public.calendar_events.organization_id uuid not null
column public.calendar_events.seq bigint not null
column public.calendar_events.id uuid not null
column public.calendar_events.type text not null
column public.calendar_events.reservation_id uuid
column public.calendar_events.asset_ids uuid[] not null
column public.calendar_events.sections public.asset_section[] not null
column public.calendar_events.payload jsonb not null
column public.calendar_events.source_user_id uuid
column public.calendar_events.occurred_at timestamp with time zone not null
column public.calendar_events.maintenance_id uuid
column public.entitlements.id uuid not null default gen_random_uuid()
column public.entitlements.organization_id uuid not null
column public.entitlements.subscription_id uuid not null
column public.entitlements.section public.asset_section not null
column public.entitlements.is_active boolean not null default true
column public.entitlements.version integer not null default 1
column public.entitlements.created_at timestamp with time zone not null default now()
column public.entitlements.updated_at timestamp with time zone not null default now()
column public.holidays.id uuid not null default gen_random_uuid()
column public.holidays.organization_id uuid; grants insert to authenticated
column public.holidays.name text not null; grants insert/update to authenticated
column public.holidays.name_es text; grants insert/update to authenticated
column public.holidays.month_day text; grants insert/update to authenticated
column public.holidays.easter_offset integer; grants insert/update to authenticated
column public.holidays.date date; grants insert/update to authenticated
column public.holidays.version integer not null default 1
column public.holidays.created_at timestamp with time zone not null default now()
column public.holidays.updated_at timestamp with time zone not null default now()
column public.invitations.id uuid not null default gen_random_uuid()
column public.invitations.organization_id uuid not null
column public.invitations.email text not null
column public.invitations.role public.member_role not null default 'member'::public.member_role
column public.invitations.tier_id uuid
column public.invitations.message text
column public.invitations.invited_by uuid
column public.invitations.expires_at timestamp with time zone not null default (now() + '168:00:00'::interval)
column public.invitations.accepted_at timestamp with time zone
column public.invitations.accepted_by uuid
column public.invitations.revoked_at timestamp with time zone
column public.invitations.version integer not null default 1
column public.invitations.created_at timestamp with time zone not null default now()
column public.invitations.updated_at timestamp with time zone not null default now()
column public.maintenance_windows.id uuid not null default gen_random_uuid()
column public.maintenance_windows.organization_id uuid not null
column public.maintenance_windows.asset_id uuid not null
column public.maintenance_windows.title text not null
column public.maintenance_windows.start_date timestamp with time zone not null
column public.maintenance_windows.end_date timestamp with time zone not null
column public.maintenance_windows.status text not null default 'scheduled'::text
column public.maintenance_windows.resolution text
column public.maintenance_windows.created_by uuid
column public.maintenance_windows.canceled_at timestamp with time zone
column public.maintenance_windows.cancellation_reason text
column public.maintenance_windows.version integer not null default 1
column public.maintenance_windows.created_at timestamp with time zone not null default now()
column public.maintenance_windows.updated_at timestamp with time zone not null default now()
column public.organization_members.id uuid not null default gen_random_uuid()
column public.organization_members.organization_id uuid not null
column public.organization_members.user_id uuid not null
column public.organization_members.role public.member_role not null default 'member'::public.member_role
column public.organization_members.tier_id uuid
column public.organization_members.joined_at timestamp with time zone not null default now()
column public.organization_members.version integer not null default 1
column public.organization_members.created_at timestamp with time zone not null default now()
column public.organization_members.updated_at timestamp with time zone not null default now()
column public.organizations.id uuid not null default gen_random_uuid()
column public.organizations.legal_name text not null
column public.organizations.commercial_name text
column public.organizations.ruc text
column public.organizations.dv text
column public.organizations.billing_email text
column public.organizations.phone text
column public.organizations.address jsonb
column public.organizations.logo_url text
column public.organizations.timezone text not null default 'America/Panama'::text
column public.organizations.require_mfa boolean not null default false
column public.organizations.is_active boolean not null default true
column public.organizations.deleted_at timestamp with time zone
column public.organizations.version integer not null default 1
column public.organizations.created_at timestamp with time zone not null default now()
column public.organizations.updated_at timestamp with time zone not null default now()
column public.profiles.id uuid not null
column public.profiles.email text
column public.profiles.first_name text; grants update to authenticated
column public.profiles.last_name text; grants update to authenticated
column public.profiles.phone text; grants update to authenticated
column public.profiles.avatar_url text; grants update to authenticated
column public.profiles.timezone text not null default 'America/Panama'::text; grants update to authenticated
column public.profiles.locale text not null default 'es'::text; grants update to authenticated
column public.profiles.version integer not null default 1
column public.profiles.created_at timestamp with time zone not null default now()
column public.profiles.updated_at timestamp with time zone not null default now()
column public.reservation_details.reservation_id uuid not null
column public.reservation_details.notes text
column public.reservation_details.metadata jsonb not null default '{}'::jsonb
column public.reservation_details.rejected_reason text
column public.reservation_details.cancellation_reason text
column public.reservation_details.overrides jsonb not null default '[]'::jsonb
column public.reservation_details.canceled_by uuid
column public.reservation_guests.reservation_id uuid not null
column public.reservation_guests.position smallint not null
column public.reservation_guests.name text not null
column public.reservation_guests.email text
column public.reservation_series.id uuid not null default gen_random_uuid()
column public.reservation_series.organization_id uuid not null
column public.reservation_series.asset_id uuid not null
column public.reservation_series.user_id uuid
column public.reservation_series.title text not null
column public.reservation_series.rrule text not null
column public.reservation_series.time_zone text not null
column public.reservation_series.starts_at timestamp without time zone not null
column public.reservation_series.duration interval not null
column public.reservation_series.exdates timestamp without time zone[] not null default '{}'::timestamp without time zone[]
column public.reservation_series.shifted_days integer not null default 0
column public.reservation_series.version integer not null default 1
column public.reservation_series.created_at timestamp with time zone not null default now()
column public.reservation_series.updated_at timestamp with time zone not null default now()
column public.reservations.id uuid not null default gen_random_uuid()
column public.reservations.organization_id uuid not null
column public.reservations.asset_id uuid not null
column public.reservations.user_id uuid
column public.reservations.title text not null
column public.reservations.start_date timestamp with time zone not null
column public.reservations.end_date timestamp with time zone not null
column public.reservations.status public.reservation_status not null default 'pending'::public.reservation_status
column public.reservations.guest_count integer
column public.reservations.series_id uuid
column public.reservations.approved_by uuid
column public.reservations.approved_at timestamp with time zone
column public.reservations.canceled_at timestamp with time zone
column public.reservations.version integer not null default 1
column public.reservations.created_at timestamp with time zone not null default now()
column public.reservations.updated_at timestamp with time zone not null default now()
column public.reservations.hold_expires_at timestamp with time zone
column public.rule_approvals.id uuid not null default gen_random_uuid()
column public.rule_approvals.organization_id uuid not null
column public.rule_approvals.request_id uuid not null
column public.rule_approvals.user_id uuid
column public.rule_approvals.as_owner boolean not null default false
column public.rule_approvals.decides_alone boolean not null default false
column public.rule_approvals.status text not null default 'pending'::text
column public.rule_approvals.decided_by uuid
column public.rule_approvals.responded_at timestamp with time zone
column public.rule_approvals.response_notes text
column public.rule_approvals.created_at timestamp with time zone not null default now()
column public.subscriptions.id uuid not null default gen_random_uuid()
column public.subscriptions.organization_id uuid not null
column public.subscriptions.status public.subscription_status not null default 'trial'::public.subscription_status
column public.subscriptions.seat_limit integer not null default 5
column public.subscriptions.trial_ends_at timestamp with time zone
column public.subscriptions.version integer not null default 1
column public.subscriptions.created_at timestamp with time zone not null default now()
column public.subscriptions.updated_at timestamp with time zone not null default now()
column public.tier_booking_rules.id uuid not null default gen_random_uuid()
column public.tier_booking_rules.organization_id uuid not null; grants insert to authenticated
column public.tier_booking_rules.tier_id uuid; grants insert/update to authenticated
column public.tier_booking_rules.name text not null; grants insert/update to authenticated
column public.tier_booking_rules.description text; grants insert/update to authenticated
column public.tier_booking_rules.rule_type public.rule_type not null; grants insert/update to authenticated
column public.tier_booking_rules.conditions jsonb not null default '{}'::jsonb; grants insert/update to authenticated
column public.tier_booking_rules.effect public.rule_effect not null default 'deny'::public.rule_effect; grants insert/update to authenticated
column public.tier_booking_rules.applies_to_all_assets boolean not null default true; grants insert/update to authenticated
column public.tier_booking_rules.priority integer not null default 100; grants insert/update to authenticated
column public.tier_booking_rules.is_override boolean not null default false; grants insert/update to authenticated
column public.tier_booking_rules.overridable_by public.member_role[] not null default '{}'::public.member_role[]; grants insert/update to authenticated
column public.tier_booking_rules.is_active boolean not null default true; grants insert/update to authenticated
column public.tier_booking_rules.approval_type public.rule_approval_type not null default 'any_approver'::public.rule_approval_type; grants insert/update to authenticated
column public.tier_booking_rules.approver_tier_id uuid; grants insert/update to authenticated
column public.tier_booking_rules.approver_user_ids uuid[]; grants insert/update to authenticated
column public.tier_booking_rules.quorum integer; grants insert/update to authenticated
column public.tier_booking_rules.timeout_hours integer not null default 72; grants insert/update to authenticated
column public.tier_booking_rules.version integer not null default 1
column public.tier_booking_rules.created_at timestamp with time zone not null default now()
column public.tier_booking_rules.updated_at timestamp with time zone not null default now()
column public.tier_rule_assets.rule_id uuid not null; grants insert to authenticated
column public.tier_rule_assets.asset_id uuid not null; grants insert to authenticated
column public.tier_rule_assets.organization_id uuid not null; grants insert to authenticated
column public.tier_rule_assets.created_at timestamp with time zone not null default now()
column public.tier_rules.tier_id uuid not null; grants insert to authenticated
column public.tier_rules.organization_id uuid not null; grants insert to authenticated
column public.tier_rules.max_days_per_month integer; grants insert/update to authenticated
column public.tier_rules.max_consecutive_days integer; grants insert/update to authenticated
column public.tier_rules.min_lead_time_hours integer; grants insert/update to authenticated
column public.tier_rules.max_advance_days integer; grants insert/update to authenticated
column public.tier_rules.requires_approval boolean not null default false; grants insert/update to authenticated
column public.tier_rules.version integer not null default 1
column public.tier_rules.created_at timestamp with time zone not null default now()
column public.tier_rules.updated_at timestamp with time zone not null default now()
column public.tier_rules.min_cancellation_notice_hours integer; grants insert/update to authenticated
column public.tiers.id uuid not null default gen_random_uuid()
column public.tiers.organization_id uuid not null; grants insert to authenticated
column public.tiers.name text not null; grants insert/update to authenticated
column public.tiers.priority integer not null; grants insert/update to authenticated
column public.tiers.color text; grants insert/update to authenticated
column public.tiers.description text; grants insert/update to authenticated
column public.tiers.can_override boolean not null default false; grants insert/update to authenticated
column public.tiers.is_default boolean not null default false; grants insert/update to authenticated
column public.tiers.sections public.asset_section[]; grants insert/update to authenticated
column public.tiers.version integer not null default 1
column public.tiers.created_at timestamp with time zone not null default now()
column public.tiers.updated_at timestamp with time zone not null default now()
column public.waitlist_entries.id uuid not null default gen_random_uuid()
column public.waitlist_entries.organization_id uuid not null
column public.waitlist_entries.asset_id uuid not null
column public.waitlist_entries.user_id uuid not null
column public.waitlist_entries.title text not null
column public.waitlist_entries.start_date timestamp with time zone not null
column public.waitlist_entries.end_date timestamp with time zone not null
column public.waitlist_entries.guest_count integer
column public.waitlist_entries.status public.waitlist_status not null default 'waiting'::public.waitlist_status
column public.waitlist_entries.displaced_reservation_id uuid
column public.waitlist_entries.hold_id uuid
column public.waitlist_entries.offer_expires_at timestamp with time zone
column public.waitlist_entries.reservation_id uuid
column public.waitlist_entries.passed_over_at timestamp with time zone
column public.waitlist_entries.passed_over_violations jsonb
column public.waitlist_entries.version integer not null default 1
column public.waitlist_entries.created_at timestamp with time zone not null default now()
column public.waitlist_entries.updated_at timestamp with time zone not null default now()

-- constraints
constraint access_epochs_organization_id_fkey on app.access_epochs FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE
constraint access_epochs_pkey on app.access_epochs PRIMARY KEY (organization_id)
constraint asset_documents_asset_id_fkey on app.asset_documents FOREIGN KEY (asset_id) REFERENCES public.assets(id) ON DELETE CASCADE
constraint asset_documents_pkey on app.asset_documents PRIMARY KEY (asset_id)
constraint audit_chain_entry_once on app.audit_chain UNIQUE (entry_id)
constraint audit_chain_pkey on app.audit_chain PRIMARY KEY (chain_id, "position")
constraint audit_chain_position_positive on app.audit_chain CHECK (("position" > 0))
constraint audit_heads_pkey on app.audit_heads PRIMARY KEY (chain_id)
constraint audit_unsealed_pkey on app.audit_unsealed PRIMARY KEY (chain_id, created_at, entry_id)
constraint event_counters_organization_id_fkey on app.event_counters FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE
constraint event_counters_pkey on app.event_counters PRIMARY KEY (organization_id)
constraint feature_flags_feature_organization_id_key on app.feature_flags UNIQUE NULLS NOT DISTINCT (feature, organization_id)
constraint feature_flags_organization_id_fkey on app.feature_flags FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE
constraint feature_flags_pkey on app.feature_flags PRIMARY KEY (id)
constraint feature_flags_reason_check on app.feature_flags CHECK ((length(reason) <= 500))
constraint idempotency_keys_pkey on app.idempotency_keys PRIMARY KEY (user_id, route, key)
constraint idempotency_keys_user_id_fkey on app.idempotency_keys FOREIGN KEY (user_id) REFERENCES public.profiles(id) ON DELETE CASCADE
constraint invitation_tokens_invitation_id_fkey on app.invitation_tokens FOREIGN KEY (invitation_id) REFERENCES public.invitations(id) ON DELETE CASCADE
constraint invitation_tokens_invitation_id_key on app.invitation_tokens UNIQUE (invitation_id)
constraint invitation_tokens_pkey on app.invitation_tokens PRIMARY KEY (hash)
constraint occupancy_kind_known on app.occupancy CHECK ((kind = ANY (ARRAY['reservation'::text, 'hold'::text, 'maintenance'::text, 'external'::text])))
constraint occupancy_no_overlap on app.occupancy EXCLUDE USING gist (asset_id WITH =, occupied WITH &&)
constraint occupancy_not_empty on app.occupancy CHECK (((NOT isempty(occupied)) AND (NOT lower_inf(occupied)) AND (NOT upper_inf(occupied))))
constraint occupancy_pkey on app.occupancy PRIMARY KEY (id)
constraint past_members_pkey on app.past_members PRIMARY KEY (organization_id, user_id)
constraint series_instances_outcome_known on app.series_instances CHECK ((outcome = ANY (ARRAY['approved'::text, 'pending'::text, 'conflict'::text, 'refused'::text, 'excluded'::text])))
constraint series_instances_pkey on app.series_instances PRIMARY KEY (series_id, place)
constraint series_instances_reservation_id_fkey on app.series_instances FOREIGN KEY (reservation_id) REFERENCES public.reservations(id) ON DELETE SET NULL
constraint series_instances_series_id_fkey on app.series_instances FOREIGN KEY (series_id) REFERENCES public.reservation_series(id) ON DELETE CASCADE
constraint spent_tickets_pkey on app.spent_tickets PRIMARY KEY (id)
constraint stats_refreshed_only_row_check on app.stats_refreshed CHECK (only_row)
constraint stats_refreshed_pkey on app.stats_refreshed PRIMARY KEY (only_row)
constraint time_zones_pkey on app.time_zones PRIMARY KEY (name)
constraint approval_delegations_end_after_start on public.approval_delegations CHECK ((ends_at > starts_at))
constraint approval_delegations_not_oneself on public.approval_delegations CHECK ((delegate_id <> user_id))
constraint approval_delegations_organization_id_delegate_id_fkey on public.approval_delegations FOREIGN KEY (organization_id, delegate_id) REFERENCES public.organization_members(organization_id, user_id) ON DELETE CASCADE
constraint approval_delegations_organization_id_user_id_fkey on public.approval_delegations FOREIGN KEY (organization_id, user_id) REFERENCES public.organization_members(organization_id, user_id) ON DELETE CASCADE
constraint approval_delegations_pkey on public.approval_delegations PRIMARY KEY (id)
constraint approval_requests_id_organization_id_key on public.approval_requests UNIQUE (id, organization_id)
constraint approval_requests_pkey on public.approval_requests PRIMARY KEY (id)
constraint approval_requests_required_check on public.approval_requests CHECK ((required >= 1))
constraint approval_requests_reservation_id_fkey on public.approval_requests FOREIGN KEY (reservation_id) REFERENCES public.reservations(id) ON DELETE CASCADE
constraint approval_requests_rule_name_check on public.approval_requests CHECK ((length(rule_name) <= 200))
constraint approval_requests_status_known on public.approval_requests CHECK ((status = ANY (ARRAY['pending'::text, 'approved'::text, 'rejected'::text, 'expired'::text, 'voided'::text])))
constraint approval_requests_submitted_by_fkey on public.approval_requests FOREIGN KEY (submitted_by) REFERENCES public.profiles(id) ON DELETE SET NULL
constraint approval_requests_timeout_hours_check on public.approval_requests CHECK (((timeout_hours >= 1) AND (timeout_hours <= 8784)))
constraint approval_requests_type_known on public.approval_requests CHECK ((approval_type = ANY (ARRAY['any_approver'::text, 'all_principals'::text, 'tier_members'::text, 'specific_users'::text, 'quorum'::text])))
constraint approval_requests_user_id_fkey on public.approval_requests FOREIGN KEY (user_id) REFERENCES public.profiles(id) ON DELETE SET NULL
constraint asset_photos_asset_id_organization_id_fkey on public.asset_photos FOREIGN KEY (asset_id, organization_id) REFERENCES public.assets(id, organization_id) ON DELETE CASCADE
constraint asset_photos_caption_check on public.asset_photos CHECK ((length(caption) <= 500))
constraint asset_photos_display_order_check on public.asset_photos CHECK ((display_order >= 0))
constraint asset_photos_one_source on public.asset_photos CHECK (((path IS NULL) <> (url IS NULL)))
constraint asset_photos_path_key on public.asset_photos UNIQUE (path)
constraint asset_photos_path_of_asset on public.asset_photos CHECK ((starts_with(path, ((((organization_id)::text || '/'::text) || (asset_id)::text) || '/'::text)) AND (path ~ '^[^/]+/[^/]+/[A-Za-z0-9][A-Za-z0-9._-]{0,199}$'::text)))
constraint asset_photos_pkey on public.asset_photos PRIMARY KEY (id)
constraint asset_photos_url_check on public.asset_photos CHECK (((url ~ '^https?://'::text) AND (length(url) <= 2048)))
constraint assets_capacity_check on public.assets CHECK (((capacity >= 1) AND (capacity <= 10000)))
constraint assets_check_in_of_residences on public.assets CHECK (((section = 'residences'::public.asset_section) OR ((check_in IS NULL) AND (check_out IS NULL))))
constraint assets_current_location_check on public.assets CHECK (((jsonb_typeof(current_location) = 'object'::text) AND (octet_length((current_location)::text) <= 4096)))
constraint assets_description_check on public.assets CHECK ((length(description) <= 2000))
constraint assets_details_check on public.assets CHECK (((jsonb_typeof(details) = 'object'::text) AND (octet_length((details)::text) <= 16384)))
constraint assets_id_organization_id_key on public.assets UNIQUE (id, organization_id)
constraint assets_name_check on public.assets CHECK (((btrim(name) <> ''::text) AND (length(name) <= 200)))
constraint assets_organization_id_fkey on public.assets FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE
constraint assets_pkey on public.assets PRIMARY KEY (id)
constraint assets_primary_photo_url_check on public.assets CHECK (((primary_photo_url ~ '^https?://'::text) AND (length(primary_photo_url) <= 2048)))
constraint assets_turnaround_minutes_check on public.assets CHECK (((turnaround_minutes >= 0) AND (turnaround_minutes <= 10080)))
constraint audit_logs_action_length on public.audit_logs CHECK (((char_length(action) >= 1) AND (char_length(action) <= 100)))
constraint audit_logs_created_in_range on public.audit_logs CHECK (((created_at >= '1970-01-01 00:00:00+00'::timestamp with time zone) AND (created_at < '2200-01-01 00:00:00+00'::timestamp with time zone)))
constraint audit_logs_duration_positive on public.audit_logs CHECK ((duration_ms >= (0)::numeric))
constraint audit_logs_error_message_length on public.audit_logs CHECK ((char_length(error_message) <= 2000))
constraint audit_logs_metadata_object on public.audit_logs CHECK ((jsonb_typeof(metadata) = 'object'::text))
constraint audit_logs_pkey on public.audit_logs PRIMARY KEY (id)
constraint audit_logs_request_method_length on public.audit_logs CHECK ((char_length(request_method) <= 20))
constraint audit_logs_request_path_length on public.audit_logs CHECK ((char_length(request_path) <= 2048))
constraint audit_logs_resource_type_length on public.audit_logs CHECK ((char_length(resource_type) <= 100))
constraint audit_logs_response_status_range on public.audit_logs CHECK (((response_status >= 0) AND (response_status <= 999)))
constraint audit_logs_user_agent_length on public.audit_logs CHECK ((char_length(user_agent) <= 1000))
constraint blackout_dates_asset_id_organization_id_fkey on public.blackout_dates FOREIGN KEY (asset_id, organization_id) REFERENCES public.assets(id, organization_id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
constraint blackout_dates_end_date_check on public.blackout_dates CHECK (((end_date >= '1970-01-01'::date) AND (end_date <= '2199-12-31'::date)))
constraint blackout_dates_order on public.blackout_dates CHECK ((end_date >= start_date))
constraint blackout_dates_organization_id_fkey on public.blackout_dates FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE
constraint blackout_dates_pkey on public.blackout_dates PRIMARY KEY (id)
constraint blackout_dates_reason_check on public.blackout_dates CHECK ((length(reason) <= 500))
constraint blackout_dates_start_date_check on public.blackout_dates CHECK (((start_date >= '1970-01-01'::date) AND (start_date <= '2199-12-31'::date)))
constraint blackout_dates_tier_id_organization_id_fkey on public.blackout_dates FOREIGN KEY (tier_id, organization_id) REFERENCES public.tiers(id, organization_id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
constraint calendar_events_one_subject on public.calendar_events CHECK ((num_nonnulls(reservation_id, maintenance_id) = 1))
constraint calendar_events_organization_id_fkey on public.calendar_events FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE
constraint calendar_events_pkey on public.calendar_events PRIMARY KEY (organization_id, seq)
constraint calendar_events_type_known on public.calendar_events CHECK ((type = ANY (ARRAY['reservation_created'::text, 'reservation_updated'::text, 'reservation_canceled'::text, 'maintenance_scheduled'::text, 'maintenance_updated'::text, 'maintenance_canceled'::text])))
constraint entitlements_organization_id_section_key on public.entitlements UNIQUE (organization_id, section)
constraint entitlements_pkey on public.entitlements PRIMARY KEY (id)
constraint entitlements_subscription_id_organization_id_fkey on public.entitlements FOREIGN KEY (subscription_id, organization_id) REFERENCES public.subscriptions(id, organization_id) ON DELETE CASCADE
constraint holidays_date_check on public.holidays CHECK (((date >= '1970-01-01'::date) AND (date <= '2199-12-31'::date)))
constraint holidays_easter_offset_check on public.holidays CHECK (((easter_offset >= '-100'::integer) AND (easter_offset <= 200)))
constraint holidays_month_day_check on public.holidays CHECK (((month_day ~ '^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$'::text) AND (month_day !~ '^(02-3|(0[469]|11)-31)'::text)))
constraint holidays_name_check on public.holidays CHECK (((btrim(name) <> ''::text) AND (length(name) <= 200)))
constraint holidays_name_es_check on public.holidays CHECK (((btrim(name_es) <> ''::text) AND (length(name_es) <= 200)))
constraint holidays_organization_id_fkey on public.holidays FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE
constraint holidays_pkey on public.holidays PRIMARY KEY (id)
constraint holidays_say_when on public.holidays CHECK ((num_nonnulls(month_day, easter_offset, date) = 1))
constraint invitations_accepted_by_fkey on public.invitations FOREIGN KEY (accepted_by) REFERENCES public.profiles(id) ON DELETE SET NULL
constraint invitations_email_address on public.invitations CHECK (((email = lower(email)) AND (email ~ '^[^@\s]+@[^@\s]+\.[^@\s]+$'::text) AND (length(email) <= 254)))
constraint invitations_invited_by_fkey on public.invitations FOREIGN KEY (invited_by) REFERENCES public.profiles(id) ON DELETE SET NULL
constraint invitations_message_length on public.invitations CHECK ((char_length(message) <= 500))
constraint invitations_one_end on public.invitations CHECK (((accepted_at IS NULL) OR (revoked_at IS NULL)))
constraint invitations_organization_id_fkey on public.invitations FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE
constraint invitations_pkey on public.invitations PRIMARY KEY (id)
constraint invitations_role on public.invitations CHECK ((role <> 'owner'::public.member_role))
constraint invitations_tier_fkey on public.invitations FOREIGN KEY (tier_id, organization_id) REFERENCES public.tiers(id, organization_id) ON DELETE SET NULL (tier_id)
constraint maintenance_windows_asset_fkey on public.maintenance_windows FOREIGN KEY (asset_id, organization_id) REFERENCES public.assets(id, organization_id)
constraint maintenance_windows_created_by_fkey on public.maintenance_windows FOREIGN KEY (created_by) REFERENCES public.profiles(id) ON DELETE SET NULL
constraint maintenance_windows_end_after_start on public.maintenance_windows CHECK ((end_date > start_date))
constraint maintenance_windows_length on public.maintenance_windows CHECK (((end_date - start_date) <= '366 days'::interval))
constraint maintenance_windows_no_overlap on public.maintenance_windows EXCLUDE USING gist (asset_id WITH =, tstzrange(start_date, end_date) WITH &&) WHERE ((status = 'scheduled'::text))
constraint maintenance_windows_organization_id_fkey on public.maintenance_windows FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE
constraint maintenance_windows_pkey on public.maintenance_windows PRIMARY KEY (id)
constraint maintenance_windows_reason_length on public.maintenance_windows CHECK ((char_length(cancellation_reason) <= 2000))
constraint maintenance_windows_resolution_known on public.maintenance_windows CHECK ((resolution = ANY (ARRAY['cancel'::text, 'keep'::text])))
constraint maintenance_windows_status_known on public.maintenance_windows CHECK ((status = ANY (ARRAY['scheduled'::text, 'canceled'::text])))
constraint maintenance_windows_times_in_range on public.maintenance_windows CHECK (((start_date >= '1970-01-01 00:00:00+00'::timestamp with time zone) AND (end_date < '2200-01-01 00:00:00+00'::timestamp with time zone)))
constraint maintenance_windows_title_length on public.maintenance_windows CHECK ((((char_length(title) >= 1) AND (char_length(title) <= 200)) AND (btrim(title) <> ''::text)))
constraint organization_members_organization_id_fkey on public.organization_members FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE
constraint organization_members_organization_id_user_id_key on public.organization_members UNIQUE (organization_id, user_id)
constraint organization_members_pkey on public.organization_members PRIMARY KEY (id)
constraint organization_members_tier_id_organization_id_fkey on public.organization_members FOREIGN KEY (tier_id, organization_id) REFERENCES public.tiers(id, organization_id)
constraint organization_members_user_id_fkey on public.organization_members FOREIGN KEY (user_id) REFERENCES public.profiles(id) ON DELETE CASCADE
constraint organizations_address_check on public.organizations CHECK (((jsonb_typeof(address) = 'object'::text) AND (octet_length((address)::text) <= 4096)))
constraint organizations_billing_email_check on public.organizations CHECK (((billing_email ~ '^[^@\s]+@[^@\s]+\.[^@\s]+$'::text) AND (length(billing_email) <= 320)))
constraint organizations_commercial_name_check on public.organizations CHECK ((length(commercial_name) <= 200))
constraint organizations_dv_check on public.organizations CHECK ((length(dv) <= 4))
constraint organizations_legal_name_check on public.organizations CHECK (((btrim(legal_name) <> ''::text) AND (length(legal_name) <= 200)))
constraint organizations_logo_url_check on public.organizations CHECK (((logo_url ~ '^https?://'::text) AND (length(logo_url) <= 2048)))
constraint organizations_phone_check on public.organizations CHECK ((phone ~ '^\+[1-9][0-9]{6,14}$'::text))
constraint organizations_pkey on public.organizations PRIMARY KEY (id)
constraint organizations_ruc_check on public.organizations CHECK ((length(ruc) <= 50))
constraint profiles_avatar_url_check on public.profiles CHECK (((avatar_url ~ '^https?://'::text) AND (length(avatar_url) <= 2048)))
constraint profiles_first_name_check on public.profiles CHECK ((length(first_name) <= 100))
constraint profiles_id_fkey on public.profiles FOREIGN KEY (id) REFERENCES auth.users(id) ON DELETE CASCADE
constraint profiles_last_name_check on public.profiles CHECK ((length(last_name) <= 100))
constraint profiles_locale_check on public.profiles CHECK ((locale = ANY (ARRAY['en'::text, 'es'::text])))
constraint profiles_phone_check on public.profiles CHECK ((phone ~ '^\+[1-9][0-9]{6,14}$'::text))
constraint profiles_pkey on public.profiles PRIMARY KEY (id)
constraint reservation_details_canceled_length on public.reservation_details CHECK ((char_length(cancellation_reason) <= 2000))
constraint reservation_details_metadata_object on public.reservation_details CHECK ((jsonb_typeof(metadata) = 'object'::text))
constraint reservation_details_metadata_size on public.reservation_details CHECK ((octet_length((metadata)::text) <= 16384))
constraint reservation_details_notes_length on public.reservation_details CHECK ((char_length(notes) <= 2000))
constraint reservation_details_overrides_array on public.reservation_details CHECK ((jsonb_typeof(overrides) = 'array'::text))
constraint reservation_details_pkey on public.reservation_details PRIMARY KEY (reservation_id)
constraint reservation_details_rejected_length on public.reservation_details CHECK ((char_length(rejected_reason) <= 2000))
constraint reservation_details_reservation_id_fkey on public.reservation_details FOREIGN KEY (reservation_id) REFERENCES public.reservations(id) ON DELETE CASCADE
constraint reservation_guests_at_most_fifty on public.reservation_guests CHECK ((("position" >= 1) AND ("position" <= 50)))
constraint reservation_guests_email_length on public.reservation_guests CHECK ((char_length(email) <= 254))
constraint reservation_guests_name_length on public.reservation_guests CHECK ((((char_length(name) >= 1) AND (char_length(name) <= 100)) AND (btrim(name) <> ''::text)))
constraint reservation_guests_pkey on public.reservation_guests PRIMARY KEY (reservation_id, "position")
constraint reservation_guests_reservation_id_fkey on public.reservation_guests FOREIGN KEY (reservation_id) REFERENCES public.reservations(id) ON DELETE CASCADE
constraint reservation_series_asset_fkey on public.reservation_series FOREIGN KEY (asset_id, organization_id) REFERENCES public.assets(id, organization_id)
constraint reservation_series_duration on public.reservation_series CHECK ((duration > '00:00:00'::interval))
constraint reservation_series_exdates on public.reservation_series CHECK ((cardinality(exdates) <= 366))
constraint reservation_series_id_organization_id_key on public.reservation_series UNIQUE (id, organization_id)
constraint reservation_series_organization_id_fkey on public.reservation_series FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE
constraint reservation_series_pkey on public.reservation_series PRIMARY KEY (id)
constraint reservation_series_rrule_length on public.reservation_series CHECK (((char_length(rrule) >= 1) AND (char_length(rrule) <= 600)))
constraint reservation_series_title_length on public.reservation_series CHECK ((((char_length(title) >= 1) AND (char_length(title) <= 200)) AND (btrim(title) <> ''::text)))
constraint reservation_series_user_id_fkey on public.reservation_series FOREIGN KEY (user_id) REFERENCES public.profiles(id) ON DELETE SET NULL
constraint reservations_approved_by_fkey on public.reservations FOREIGN KEY (approved_by) REFERENCES public.profiles(id) ON DELETE SET NULL
constraint reservations_asset_fkey on public.reservations FOREIGN KEY (asset_id, organization_id) REFERENCES public.assets(id, organization_id)
constraint reservations_end_after_start on public.reservations CHECK ((end_date > start_date))
constraint reservations_guest_count_range on public.reservations CHECK (((guest_count >= 0) AND (guest_count <= 10000)))
constraint reservations_length on public.reservations CHECK (((end_date - start_date) <= '366 days'::interval))
constraint reservations_organization_id_fkey on public.reservations FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE
constraint reservations_pkey on public.reservations PRIMARY KEY (id)
constraint reservations_series_fkey on public.reservations FOREIGN KEY (series_id, organization_id) REFERENCES public.reservation_series(id, organization_id) ON DELETE SET NULL (series_id)
constraint reservations_times_in_range on public.reservations CHECK (((start_date >= '1970-01-01 00:00:00+00'::timestamp with time zone) AND (end_date < '2200-01-01 00:00:00+00'::timestamp with time zone)))
constraint reservations_title_length on public.reservations CHECK ((((char_length(title) >= 1) AND (char_length(title) <= 200)) AND (btrim(title) <> ''::text)))
constraint reservations_user_id_fkey on public.reservations FOREIGN KEY (user_id) REFERENCES public.profiles(id) ON DELETE SET NULL
constraint rule_approvals_decided_by_fkey on public.rule_approvals FOREIGN KEY (decided_by) REFERENCES public.profiles(id) ON DELETE SET NULL
constraint rule_approvals_pkey on public.rule_approvals PRIMARY KEY (id)
constraint rule_approvals_request_id_organization_id_fkey on public.rule_approvals FOREIGN KEY (request_id, organization_id) REFERENCES public.approval_requests(id, organization_id) ON DELETE CASCADE
constraint rule_approvals_request_id_user_id_key on public.rule_approvals UNIQUE (request_id, user_id)
constraint rule_approvals_response_notes_check on public.rule_approvals CHECK ((length(response_notes) <= 2000))
constraint rule_approvals_status_known on public.rule_approvals CHECK ((status = ANY (ARRAY['pending'::text, 'approved'::text, 'rejected'::text, 'dropped'::text, 'voided'::text])))
constraint rule_approvals_user_id_fkey on public.rule_approvals FOREIGN KEY (user_id) REFERENCES public.profiles(id) ON DELETE SET NULL
constraint subscriptions_id_organization_id_key on public.subscriptions UNIQUE (id, organization_id)
constraint subscriptions_organization_id_fkey on public.subscriptions FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE
constraint subscriptions_organization_id_key on public.subscriptions UNIQUE (organization_id)
constraint subscriptions_pkey on public.subscriptions PRIMARY KEY (id)
constraint subscriptions_seat_limit_check on public.subscriptions CHECK ((seat_limit >= 1))
constraint tier_booking_rules_approver_tier_id_organization_id_fkey on public.tier_booking_rules FOREIGN KEY (approver_tier_id, organization_id) REFERENCES public.tiers(id, organization_id) DEFERRABLE INITIALLY DEFERRED
constraint tier_booking_rules_approver_user_ids_check on public.tier_booking_rules CHECK (((array_position(approver_user_ids, NULL::uuid) IS NULL) AND ((cardinality(approver_user_ids) >= 1) AND (cardinality(approver_user_ids) <= 50))))
constraint tier_booking_rules_conditions_check on public.tier_booking_rules CHECK (((jsonb_typeof(conditions) = 'object'::text) AND (octet_length((conditions)::text) <= 16384)))
constraint tier_booking_rules_description_check on public.tier_booking_rules CHECK ((length(description) <= 2000))
constraint tier_booking_rules_id_organization_id_key on public.tier_booking_rules UNIQUE (id, organization_id)
constraint tier_booking_rules_name_check on public.tier_booking_rules CHECK (((btrim(name) <> ''::text) AND (length(name) <= 200)))
constraint tier_booking_rules_organization_id_fkey on public.tier_booking_rules FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE
constraint tier_booking_rules_overridable_by_check on public.tier_booking_rules CHECK (((array_position(overridable_by, NULL::public.member_role) IS NULL) AND (cardinality(overridable_by) <= 5)))
constraint tier_booking_rules_pkey on public.tier_booking_rules PRIMARY KEY (id)
constraint tier_booking_rules_priority_check on public.tier_booking_rules CHECK (((priority >= 0) AND (priority <= 1000000)))
constraint tier_booking_rules_quorum_check on public.tier_booking_rules CHECK (((quorum >= 1) AND (quorum <= 50)))
constraint tier_booking_rules_tier_id_organization_id_fkey on public.tier_booking_rules FOREIGN KEY (tier_id, organization_id) REFERENCES public.tiers(id, organization_id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
constraint tier_booking_rules_timeout_hours_check on public.tier_booking_rules CHECK (((timeout_hours >= 1) AND (timeout_hours <= 8784)))
constraint tier_rule_assets_asset_id_organization_id_fkey on public.tier_rule_assets FOREIGN KEY (asset_id, organization_id) REFERENCES public.assets(id, organization_id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
constraint tier_rule_assets_pkey on public.tier_rule_assets PRIMARY KEY (rule_id, asset_id)
constraint tier_rule_assets_rule_id_organization_id_fkey on public.tier_rule_assets FOREIGN KEY (rule_id, organization_id) REFERENCES public.tier_booking_rules(id, organization_id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
constraint tier_rules_cancellation_notice on public.tier_rules CHECK (((min_cancellation_notice_hours >= 0) AND (min_cancellation_notice_hours <= 8784)))
constraint tier_rules_max_advance_days_check on public.tier_rules CHECK (((max_advance_days >= 0) AND (max_advance_days <= 3660)))
constraint tier_rules_max_consecutive_days_check on public.tier_rules CHECK (((max_consecutive_days >= 1) AND (max_consecutive_days <= 366)))
constraint tier_rules_max_days_per_month_check on public.tier_rules CHECK (((max_days_per_month >= 0) AND (max_days_per_month <= 31)))
constraint tier_rules_min_lead_time_hours_check on public.tier_rules CHECK (((min_lead_time_hours >= 0) AND (min_lead_time_hours <= 8784)))
constraint tier_rules_pkey on public.tier_rules PRIMARY KEY (tier_id)
constraint tier_rules_tier_id_organization_id_fkey on public.tier_rules FOREIGN KEY (tier_id, organization_id) REFERENCES public.tiers(id, organization_id) ON DELETE CASCADE
constraint tiers_color_check on public.tiers CHECK ((color ~ '^#[0-9a-fA-F]{6}$'::text))
constraint tiers_description_check on public.tiers CHECK ((length(description) <= 2000))
constraint tiers_id_organization_id_key on public.tiers UNIQUE (id, organization_id)
constraint tiers_name_check on public.tiers CHECK (((btrim(name) <> ''::text) AND (length(name) <= 100)))
constraint tiers_organization_id_fkey on public.tiers FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE
constraint tiers_organization_id_priority_key on public.tiers UNIQUE (organization_id, priority)
constraint tiers_pkey on public.tiers PRIMARY KEY (id)
constraint tiers_priority_check on public.tiers CHECK ((priority >= 0))
constraint tiers_sections_check on public.tiers CHECK (((array_position(sections, NULL::public.asset_section) IS NULL) AND (cardinality(sections) <= 4)))
constraint waitlist_entries_asset_fkey on public.waitlist_entries FOREIGN KEY (asset_id, organization_id) REFERENCES public.assets(id, organization_id) ON DELETE CASCADE
constraint waitlist_entries_displaced_reservation_id_fkey on public.waitlist_entries FOREIGN KEY (displaced_reservation_id) REFERENCES public.reservations(id) ON DELETE SET NULL
constraint waitlist_entries_end_after_start on public.waitlist_entries CHECK ((end_date > start_date))
constraint waitlist_entries_guest_count_range on public.waitlist_entries CHECK (((guest_count >= 0) AND (guest_count <= 10000)))
constraint waitlist_entries_hold_id_fkey on public.waitlist_entries FOREIGN KEY (hold_id) REFERENCES public.reservations(id) ON DELETE SET NULL
constraint waitlist_entries_length on public.waitlist_entries CHECK (((end_date - start_date) <= '366 days'::interval))
constraint waitlist_entries_offer_expires on public.waitlist_entries CHECK (((status <> 'offered'::public.waitlist_status) OR (offer_expires_at IS NOT NULL)))
constraint waitlist_entries_organization_id_fkey on public.waitlist_entries FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE
constraint waitlist_entries_pkey on public.waitlist_entries PRIMARY KEY (id)
constraint waitlist_entries_reservation_id_fkey on public.waitlist_entries FOREIGN KEY (reservation_id) REFERENCES public.reservations(id) ON DELETE SET NULL
constraint waitlist_entries_times_in_range on public.waitlist_entries CHECK (((start_date >= '1970-01-01 00:00:00+00'::timestamp with time zone) AND (end_date < '2200-01-01 00:00:00+00'::timestamp with time zone)))
constraint waitlist_entries_title_length on public.waitlist_entries CHECK ((((char_length(title) >= 1) AND (char_length(title) <= 200)) AND (btrim(title) <> ''::text)))
constraint waitlist_entries_user_id_fkey on public.waitlist_entries FOREIGN KEY (user_id) REFERENCES public.profiles(id) ON DELETE CASCADE

-- indexes
CREATE UNIQUE INDEX access_epochs_pkey ON app.access_epochs USING btree (organization_id)
CREATE INDEX idx_assets_search ON app.asset_documents USING gin (document) WITH (fastupdate=off)
CREATE UNIQUE INDEX asset_documents_pkey ON app.asset_documents USING btree (asset_id)
CREATE UNIQUE INDEX audit_chain_entry_once ON app.audit_chain USING btree (entry_id)
CREATE UNIQUE INDEX audit_chain_pkey ON app.audit_chain USING btree (chain_id, "position")
CREATE UNIQUE INDEX audit_heads_pkey ON app.audit_heads USING btree (chain_id)
CREATE UNIQUE INDEX audit_unsealed_pkey ON app.audit_unsealed USING btree (chain_id, created_at, entry_id)
CREATE UNIQUE INDEX event_counters_pkey ON app.event_counters USING btree (organization_id)
CREATE INDEX feature_flags_organization_id ON app.feature_flags USING btree (organization_id)
CREATE UNIQUE INDEX feature_flags_feature_organization_id_key ON app.feature_flags USING btree (feature, organization_id) NULLS NOT DISTINCT
CREATE UNIQUE INDEX feature_flags_pkey ON app.feature_flags USING btree (id)
CREATE UNIQUE INDEX idempotency_keys_pkey ON app.idempotency_keys USING btree (user_id, route, key)
CREATE UNIQUE INDEX invitation_tokens_invitation_id_key ON app.invitation_tokens USING btree (invitation_id)
CREATE UNIQUE INDEX invitation_tokens_pkey ON app.invitation_tokens USING btree (hash)
CREATE UNIQUE INDEX mv_organization_stats_organization ON app.mv_organization_stats USING btree (organization_id)
CREATE INDEX occupancy_no_overlap ON app.occupancy USING gist (asset_id, occupied)
CREATE INDEX occupancy_source ON app.occupancy USING btree (source_id)
CREATE UNIQUE INDEX occupancy_pkey ON app.occupancy USING btree (id)
CREATE UNIQUE INDEX past_members_pkey ON app.past_members USING btree (organization_id, user_id)
CREATE UNIQUE INDEX series_instances_pkey ON app.series_instances USING btree (series_id, place)
CREATE UNIQUE INDEX series_instances_reservation ON app.series_instances USING btree (reservation_id)
CREATE INDEX spent_tickets_expires_at ON app.spent_tickets USING btree (expires_at)
CREATE UNIQUE INDEX spent_tickets_pkey ON app.spent_tickets USING btree (id)
CREATE UNIQUE INDEX stats_refreshed_pkey ON app.stats_refreshed USING btree (only_row)
CREATE UNIQUE INDEX time_zones_pkey ON app.time_zones USING btree (name)
CREATE INDEX approval_delegations_delegate ON public.approval_delegations USING btree (organization_id, delegate_id)
CREATE INDEX approval_delegations_user ON public.approval_delegations USING btree (organization_id, user_id)
CREATE UNIQUE INDEX approval_delegations_pkey ON public.approval_delegations USING btree (id)
CREATE INDEX approval_requests_due ON public.approval_requests USING btree (expires_at) WHERE (status = 'pending'::text)
CREATE INDEX approval_requests_list ON public.approval_requests USING btree (organization_id, created_at DESC, id)
CREATE INDEX approval_requests_reservation ON public.approval_requests USING btree (reservation_id)
CREATE INDEX approval_requests_submitted_by ON public.approval_requests USING btree (submitted_by)
CREATE INDEX approval_requests_user ON public.approval_requests USING btree (user_id)
CREATE UNIQUE INDEX approval_requests_id_organization_id_key ON public.approval_requests USING btree (id, organization_id)
CREATE UNIQUE INDEX approval_requests_one_a_rule ON public.approval_requests USING btree (reservation_id, rule_id, rule_type) NULLS NOT DISTINCT WHERE (status = 'pending'::text)
CREATE UNIQUE INDEX approval_requests_pkey ON public.approval_requests USING btree (id)
CREATE INDEX asset_photos_asset ON public.asset_photos USING btree (asset_id, display_order, id)
CREATE UNIQUE INDEX asset_photos_path_key ON public.asset_photos USING btree (path)
CREATE UNIQUE INDEX asset_photos_pkey ON public.asset_photos USING btree (id)
CREATE INDEX idx_assets_details ON public.assets USING gin (details jsonb_path_ops) WITH (fastupdate=off)
CREATE INDEX idx_assets_org_section ON public.assets USING btree (organization_id, section)
CREATE UNIQUE INDEX assets_id_organization_id_key ON public.assets USING btree (id, organization_id)
CREATE UNIQUE INDEX assets_pkey ON public.assets USING btree (id)
CREATE INDEX idx_audit_logs_org_time ON public.audit_logs USING btree (organization_id, created_at DESC, id DESC)
CREATE INDEX idx_audit_logs_org_user ON public.audit_logs USING btree (organization_id, user_id, created_at DESC, id DESC) WHERE (user_id IS NOT NULL)
CREATE INDEX idx_audit_logs_request ON public.audit_logs USING btree (((metadata ->> 'request_id'::text))) WHERE ((metadata ->> 'request_id'::text) IS NOT NULL)
CREATE INDEX idx_audit_logs_resource ON public.audit_logs USING btree (resource_id, created_at DESC, id DESC) WHERE (resource_id IS NOT NULL)
CREATE UNIQUE INDEX audit_logs_pkey ON public.audit_logs USING btree (id)
CREATE INDEX blackout_dates_asset ON public.blackout_dates USING btree (asset_id) WHERE (asset_id IS NOT NULL)
CREATE INDEX blackout_dates_organization ON public.blackout_dates USING btree (organization_id, end_date, start_date)
CREATE INDEX blackout_dates_tier ON public.blackout_dates USING btree (tier_id) WHERE (tier_id IS NOT NULL)
CREATE UNIQUE INDEX blackout_dates_pkey ON public.blackout_dates USING btree (id)
CREATE INDEX calendar_events_occurred_at ON public.calendar_events USING btree (occurred_at)
CREATE UNIQUE INDEX calendar_events_pkey ON public.calendar_events USING btree (organization_id, seq)
CREATE UNIQUE INDEX entitlements_organization_id_section_key ON public.entitlements USING btree (organization_id, section)
CREATE UNIQUE INDEX entitlements_pkey ON public.entitlements USING btree (id)
CREATE INDEX holidays_organization ON public.holidays USING btree (organization_id)
CREATE UNIQUE INDEX holidays_pkey ON public.holidays USING btree (id)
CREATE INDEX invitations_accepted_by ON public.invitations USING btree (accepted_by) WHERE (accepted_by IS NOT NULL)
CREATE INDEX invitations_invited_by ON public.invitations USING btree (invited_by) WHERE (invited_by IS NOT NULL)
CREATE INDEX invitations_organization ON public.invitations USING btree (organization_id, created_at DESC, id)
CREATE INDEX invitations_tier ON public.invitations USING btree (tier_id) WHERE (tier_id IS NOT NULL)
CREATE UNIQUE INDEX invitations_one_open ON public.invitations USING btree (organization_id, email) WHERE ((accepted_at IS NULL) AND (revoked_at IS NULL))
CREATE UNIQUE INDEX invitations_pkey ON public.invitations USING btree (id)
CREATE INDEX maintenance_windows_asset ON public.maintenance_windows USING btree (asset_id, start_date, id)
CREATE INDEX maintenance_windows_calendar ON public.maintenance_windows USING btree (organization_id, end_date, start_date) WHERE (status = 'scheduled'::text)
CREATE INDEX maintenance_windows_created_by ON public.maintenance_windows USING btree (created_by) WHERE (created_by IS NOT NULL)
CREATE INDEX maintenance_windows_no_overlap ON public.maintenance_windows USING gist (asset_id, tstzrange(start_date, end_date)) WHERE (status = 'scheduled'::text)
CREATE UNIQUE INDEX maintenance_windows_pkey ON public.maintenance_windows USING btree (id)
CREATE INDEX idx_organization_members_user ON public.organization_members USING btree (user_id)
CREATE UNIQUE INDEX organization_members_organization_id_user_id_key ON public.organization_members USING btree (organization_id, user_id)
CREATE UNIQUE INDEX organization_members_pkey ON public.organization_members USING btree (id)
CREATE UNIQUE INDEX organizations_pkey ON public.organizations USING btree (id)
CREATE UNIQUE INDEX profiles_pkey ON public.profiles USING btree (id)
CREATE UNIQUE INDEX reservation_details_pkey ON public.reservation_details USING btree (reservation_id)
CREATE UNIQUE INDEX reservation_guests_pkey ON public.reservation_guests USING btree (reservation_id, "position")
CREATE INDEX reservation_series_asset ON public.reservation_series USING btree (asset_id)
CREATE INDEX reservation_series_organization ON public.reservation_series USING btree (organization_id, starts_at, id)
CREATE INDEX reservation_series_user ON public.reservation_series USING btree (user_id)
CREATE UNIQUE INDEX reservation_series_id_organization_id_key ON public.reservation_series USING btree (id, organization_id)
CREATE UNIQUE INDEX reservation_series_pkey ON public.reservation_series USING btree (id)
CREATE INDEX idx_reservations_approved_by ON public.reservations USING btree (approved_by) WHERE (approved_by IS NOT NULL)
CREATE INDEX idx_reservations_asset_date ON public.reservations USING btree (asset_id, start_date, end_date)
CREATE INDEX idx_reservations_calendar ON public.reservations USING btree (organization_id, end_date, start_date) INCLUDE (user_id, title) WHERE (status = ANY ('{pending,approved,completed}'::public.reservation_status[]))
CREATE INDEX idx_reservations_organization_start ON public.reservations USING btree (organization_id, start_date, id)
CREATE INDEX idx_reservations_series ON public.reservations USING btree (series_id) WHERE (series_id IS NOT NULL)
CREATE INDEX idx_reservations_user_start ON public.reservations USING btree (user_id, organization_id, start_date, end_date) WHERE (status = ANY ('{pending,approved,completed}'::public.reservation_status[]))
CREATE INDEX idx_reservations_user_status ON public.reservations USING btree (user_id, status, created_at DESC)
CREATE INDEX reservations_holds ON public.reservations USING btree (asset_id, hold_expires_at) WHERE (status = 'hold'::public.reservation_status)
CREATE INDEX reservations_pending_start ON public.reservations USING btree (start_date) WHERE (status = 'pending'::public.reservation_status)
CREATE INDEX reservations_to_complete ON public.reservations USING btree (end_date) WHERE (status = 'approved'::public.reservation_status)
CREATE UNIQUE INDEX reservations_pkey ON public.reservations USING btree (id)
CREATE INDEX rule_approvals_decided_by ON public.rule_approvals USING btree (decided_by) WHERE (decided_by IS NOT NULL)
CREATE INDEX rule_approvals_user ON public.rule_approvals USING btree (user_id, status)
CREATE UNIQUE INDEX rule_approvals_pkey ON public.rule_approvals USING btree (id)
CREATE UNIQUE INDEX rule_approvals_request_id_user_id_key ON public.rule_approvals USING btree (request_id, user_id)
CREATE UNIQUE INDEX subscriptions_id_organization_id_key ON public.subscriptions USING btree (id, organization_id)
CREATE UNIQUE INDEX subscriptions_organization_id_key ON public.subscriptions USING btree (organization_id)
CREATE UNIQUE INDEX subscriptions_pkey ON public.subscriptions USING btree (id)
CREATE INDEX tier_booking_rules_approvers ON public.tier_booking_rules USING btree (approver_tier_id) WHERE (approver_tier_id IS NOT NULL)
CREATE INDEX tier_booking_rules_organization ON public.tier_booking_rules USING btree (organization_id, priority, id)
CREATE INDEX tier_booking_rules_tier ON public.tier_booking_rules USING btree (tier_id) WHERE (tier_id IS NOT NULL)
CREATE UNIQUE INDEX tier_booking_rules_id_organization_id_key ON public.tier_booking_rules USING btree (id, organization_id)
CREATE UNIQUE INDEX tier_booking_rules_pkey ON public.tier_booking_rules USING btree (id)
CREATE INDEX tier_rule_assets_asset ON public.tier_rule_assets USING btree (asset_id)
CREATE INDEX tier_rule_assets_organization ON public.tier_rule_assets USING btree (organization_id)
CREATE UNIQUE INDEX tier_rule_assets_pkey ON public.tier_rule_assets USING btree (rule_id, asset_id)
CREATE INDEX tier_rules_organization ON public.tier_rules USING btree (organization_id)
CREATE UNIQUE INDEX tier_rules_pkey ON public.tier_rules USING btree (tier_id)
CREATE UNIQUE INDEX tiers_id_organization_id_key ON public.tiers USING btree (id, organization_id)
CREATE UNIQUE INDEX tiers_one_default ON public.tiers USING btree (organization_id) WHERE is_default
CREATE UNIQUE INDEX tiers_organization_id_priority_key ON public.tiers USING btree (organization_id, priority)
CREATE UNIQUE INDEX tiers_pkey ON public.tiers USING btree (id)
CREATE INDEX waitlist_entries_displaced ON public.waitlist_entries USING btree (displaced_reservation_id) WHERE (displaced_reservation_id IS NOT NULL)
CREATE INDEX waitlist_entries_hold ON public.waitlist_entries USING btree (hold_id) WHERE (hold_id IS NOT NULL)
CREATE INDEX waitlist_entries_of_person ON public.waitlist_entries USING btree (user_id, organization_id, created_at DESC)
CREATE INDEX waitlist_entries_organization ON public.waitlist_entries USING btree (organization_id, created_at DESC)
CREATE INDEX waitlist_entries_reservation ON public.waitlist_entries USING btree (reservation_id) WHERE (reservation_id IS NOT NULL)
CREATE UNIQUE INDEX waitlist_entries_open ON public.waitlist_entries USING btree (asset_id, user_id, start_date, end_date) WHERE (status = ANY (ARRAY['waiting'::public.waitlist_status, 'offered'::public.waitlist_status]))
CREATE UNIQUE INDEX waitlist_entries_pkey ON public.waitlist_entries USING btree (id)

-- policies
policy "people read delegations to and by themselves, managers read all" on public.approval_delegations as permissive for select to authenticated
    using ((organization_id = ANY (ARRAY( SELECT app.member_organizations() AS member_organizations))) AND (((( SELECT auth.uid() AS uid) = user_id) OR (( SELECT auth.uid() AS uid) = delegate_id)) OR (organization_id = ANY (ARRAY( SELECT app.organizations_as('manager'::public.member_role) AS organizations_as)))))
policy "people read the requests that concern them, managers read all" on public.approval_requests as permissive for select to authenticated
    using ((organization_id = ANY (ARRAY( SELECT app.organizations_as('manager'::public.member_role) AS organizations_as))) OR (id IN ( SELECT app.own_approval_requests() AS own_approval_requests)))
policy "admins and owners add photos" on public.asset_photos as permissive for insert to authenticated
    with check (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "admins and owners change photos" on public.asset_photos as permissive for update to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
    with check (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "admins and owners delete photos" on public.asset_photos as permissive for delete to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "members read the photos of the assets that they see" on public.asset_photos as permissive for select to authenticated
    using ((organization_id = ANY (ARRAY( SELECT app.member_organizations() AS member_organizations))) AND (asset_id IN ( SELECT a.id FROM public.assets a)))
policy "photos are added with the second factor that is demanded" on public.asset_photos as restrictive for insert to authenticated
    with check app.require_aal2(organization_id)
policy "photos are changed with the second factor that is demanded" on public.asset_photos as restrictive for update to authenticated
    with check app.require_aal2(organization_id)
policy "photos are deleted with the second factor that is demanded" on public.asset_photos as restrictive for delete to authenticated
    using app.require_aal2(organization_id)
policy "admins and owners add assets" on public.assets as permissive for insert to authenticated
    with check (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "admins and owners change assets" on public.assets as permissive for update to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
    with check (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "assets are added with the second factor that is demanded" on public.assets as restrictive for insert to authenticated
    with check app.require_aal2(organization_id)
policy "assets are changed with the second factor that is demanded" on public.assets as restrictive for update to authenticated
    with check app.require_aal2(organization_id)
policy "members read the assets of the sections that their tier allows" on public.assets as permissive for select to authenticated
    using ((organization_id = ANY (ARRAY( SELECT app.member_organizations() AS member_organizations))) AND ((organization_id = ANY (ARRAY( SELECT app.full_view_organizations() AS full_view_organizations))) OR (id IN ( SELECT app.section_view_assets() AS section_view_assets))) AND ((deleted_at IS NULL) OR (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))))
policy "admins and owners read their organization's audit log" on public.audit_logs as permissive for select to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.audited_organizations() AS audited_organizations)))
policy "admins and owners add blackout dates" on public.blackout_dates as permissive for insert to authenticated
    with check (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "admins and owners change blackout dates" on public.blackout_dates as permissive for update to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
    with check (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "admins and owners delete blackout dates" on public.blackout_dates as permissive for delete to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "blackouts are added with the second factor where there is one" on public.blackout_dates as restrictive for insert to authenticated
    with check app.require_aal2(organization_id, true)
policy "blackouts are changed with the second factor where there is one" on public.blackout_dates as restrictive for update to authenticated
    with check app.require_aal2(organization_id, true)
policy "blackouts are deleted with the second factor where there is one" on public.blackout_dates as restrictive for delete to authenticated
    using app.require_aal2(organization_id, true)
policy "members read the blackout dates" on public.blackout_dates as permissive for select to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.member_organizations() AS member_organizations)))
policy "members see the events of the sections that their tier allows" on public.calendar_events as permissive for select to authenticated
    using ((organization_id = ANY (ARRAY( SELECT app.member_organizations() AS member_organizations))) AND ((organization_id = ANY (ARRAY( SELECT app.full_view_organizations() AS full_view_organizations))) OR ((asset_ids[1] IN ( SELECT app.section_view_assets() AS section_view_assets)) AND (asset_ids[cardinality(asset_ids)] IN ( SELECT app.section_view_assets() AS section_view_assets)) AND (sections <@ app.visible_sections(organization_id)))))
policy "members read what their organization is entitled to" on public.entitlements as permissive for select to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.member_organizations() AS member_organizations)))
policy "admins and owners add holidays" on public.holidays as permissive for insert to authenticated
    with check (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "admins and owners change holidays" on public.holidays as permissive for update to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
    with check (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "admins and owners delete holidays" on public.holidays as permissive for delete to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "holidays are added with the second factor where there is one" on public.holidays as restrictive for insert to authenticated
    with check app.require_aal2(organization_id, true)
policy "holidays are changed with the second factor where there is one" on public.holidays as restrictive for update to authenticated
    with check app.require_aal2(organization_id, true)
policy "holidays are deleted with the second factor where there is one" on public.holidays as restrictive for delete to authenticated
    using app.require_aal2(organization_id, true)
policy "members read the holidays, everyone those built in" on public.holidays as permissive for select to authenticated
    using ((organization_id IS NULL) OR (organization_id = ANY (ARRAY( SELECT app.member_organizations() AS member_organizations))))
policy "admins and owners read invitations" on public.invitations as permissive for select to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "members see the maintenance of the sections of their tier" on public.maintenance_windows as permissive for select to authenticated
    using ((organization_id = ANY (ARRAY( SELECT app.member_organizations() AS member_organizations))) AND ((organization_id = ANY (ARRAY( SELECT app.full_view_organizations() AS full_view_organizations))) OR (asset_id IN ( SELECT app.section_view_assets() AS section_view_assets))))
policy "members read who else is a member" on public.organization_members as permissive for select to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.member_organizations() AS member_organizations)))
policy "members read their organizations" on public.organizations as permissive for select to authenticated
    using (id = ANY (ARRAY( SELECT app.member_organizations() AS member_organizations)))
policy "people change their own profile" on public.profiles as permissive for update to authenticated
    using (id = ( SELECT auth.uid() AS uid))
    with check (id = ( SELECT auth.uid() AS uid))
policy "people read their own profile" on public.profiles as permissive for select to authenticated
    using (id = ( SELECT auth.uid() AS uid))
policy "bookers and managers see a booking's details" on public.reservation_details as permissive for select to authenticated
    using (EXISTS ( SELECT FROM public.reservations r WHERE ((r.id = reservation_details.reservation_id) AND ((r.user_id = ( SELECT auth.uid() AS uid)) OR (r.organization_id = ANY (ARRAY( SELECT app.organizations_as('manager'::public.member_role) AS organizations_as)))))))
policy "bookers and managers see a booking's guests" on public.reservation_guests as permissive for select to authenticated
    using (EXISTS ( SELECT FROM public.reservations r WHERE ((r.id = reservation_guests.reservation_id) AND ((r.user_id = ( SELECT auth.uid() AS uid)) OR (r.organization_id = ANY (ARRAY( SELECT app.organizations_as('manager'::public.member_role) AS organizations_as)))))))
policy "members see the series of the sections that their tier allows" on public.reservation_series as permissive for select to authenticated
    using ((organization_id = ANY (ARRAY( SELECT app.member_organizations() AS member_organizations))) AND ((organization_id = ANY (ARRAY( SELECT app.full_view_organizations() AS full_view_organizations))) OR (asset_id IN ( SELECT app.section_view_assets() AS section_view_assets))))
policy "members see the bookings of the sections that their tier allows" on public.reservations as permissive for select to authenticated
    using ((organization_id = ANY (ARRAY( SELECT app.member_organizations() AS member_organizations))) AND ((organization_id = ANY (ARRAY( SELECT app.full_view_organizations() AS full_view_organizations))) OR (asset_id IN ( SELECT app.section_view_assets() AS section_view_assets))) AND ((status <> 'hold'::public.reservation_status) OR (user_id = ( SELECT auth.uid() AS uid))))
policy "whoever reads a request reads what its approvers said" on public.rule_approvals as permissive for select to authenticated
    using ((organization_id = ANY (ARRAY( SELECT app.organizations_as('manager'::public.member_role) AS organizations_as))) OR (request_id IN ( SELECT app.own_approval_requests() AS own_approval_requests)))
policy "admins and owners read the subscription" on public.subscriptions as permissive for select to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "admins and owners add rules" on public.tier_booking_rules as permissive for insert to authenticated
    with check (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "admins and owners change rules" on public.tier_booking_rules as permissive for update to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
    with check (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "admins and owners delete rules" on public.tier_booking_rules as permissive for delete to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "members read the rules" on public.tier_booking_rules as permissive for select to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.member_organizations() AS member_organizations)))
policy "rules are added with the second factor where there is one" on public.tier_booking_rules as restrictive for insert to authenticated
    with check app.require_aal2(organization_id, true)
policy "rules are changed with the second factor where there is one" on public.tier_booking_rules as restrictive for update to authenticated
    with check app.require_aal2(organization_id, true)
policy "rules are deleted with the second factor where there is one" on public.tier_booking_rules as restrictive for delete to authenticated
    using app.require_aal2(organization_id, true)
policy "admins and owners add assets to rules" on public.tier_rule_assets as permissive for insert to authenticated
    with check (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "admins and owners take assets from rules" on public.tier_rule_assets as permissive for delete to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "assets join rules with the second factor where there is one" on public.tier_rule_assets as restrictive for insert to authenticated
    with check app.require_aal2(organization_id, true)
policy "assets leave rules with the second factor where there is one" on public.tier_rule_assets as restrictive for delete to authenticated
    using app.require_aal2(organization_id, true)
policy "members read which assets the rules are for" on public.tier_rule_assets as permissive for select to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.member_organizations() AS member_organizations)))
policy "admins and owners change the tiers' limits" on public.tier_rules as permissive for update to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
    with check (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "admins and owners lift the tiers' limits" on public.tier_rules as permissive for delete to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "admins and owners set the tiers' limits" on public.tier_rules as permissive for insert to authenticated
    with check (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "limits are changed with the second factor where there is one" on public.tier_rules as restrictive for update to authenticated
    with check app.require_aal2(organization_id, true)
policy "limits are lifted with the second factor where there is one" on public.tier_rules as restrictive for delete to authenticated
    using app.require_aal2(organization_id, true)
policy "limits are set with the second factor where there is one" on public.tier_rules as restrictive for insert to authenticated
    with check app.require_aal2(organization_id, true)
policy "members read the tiers' limits" on public.tier_rules as permissive for select to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.member_organizations() AS member_organizations)))
policy "admins and owners add tiers" on public.tiers as permissive for insert to authenticated
    with check (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "admins and owners change tiers" on public.tiers as permissive for update to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
    with check (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "admins and owners delete tiers" on public.tiers as permissive for delete to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as)))
policy "members read the tiers" on public.tiers as permissive for select to authenticated
    using (organization_id = ANY (ARRAY( SELECT app.member_organizations() AS member_organizations)))
policy "tiers are added with the second factor that is demanded" on public.tiers as restrictive for insert to authenticated
    with check app.require_aal2(organization_id)
policy "tiers are changed with the second factor that is demanded" on public.tiers as restrictive for update to authenticated
    with check app.require_aal2(organization_id)
policy "tiers are deleted with the second factor that is demanded" on public.tiers as restrictive for delete to authenticated
    using app.require_aal2(organization_id, true)
policy "people read what they wait for, managers what anyone does" on public.waitlist_entries as permissive for select to authenticated
    using (((user_id = ( SELECT auth.uid() AS uid)) AND (organization_id = ANY (ARRAY( SELECT app.member_organizations() AS member_organizations)))) OR (organization_id = ANY (ARRAY( SELECT app.organizations_as('manager'::public.member_role) AS organizations_as))))
policy "admins and owners delete photos" on storage.objects as permissive for delete to authenticated
    using ((bucket_id = 'asset-photos'::text) AND (app.photo_organization(name) = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as))))
policy "admins and owners upload photos of their assets" on storage.objects as permissive for insert to authenticated
    with check ((bucket_id = 'asset-photos'::text) AND (app.photo_organization(name) = ANY (ARRAY( SELECT app.organizations_as('admin'::public.member_role) AS organizations_as))) AND (EXISTS ( SELECT FROM public.assets a WHERE ((a.id = app.photo_asset(objects.name)) AND (a.organization_id = app.photo_organization(objects.name))))))
policy "members read the photos of the assets that they see" on storage.objects as permissive for select to authenticated
    using ((bucket_id = 'asset-photos'::text) AND (EXISTS ( SELECT FROM public.assets a WHERE ((a.id = app.photo_asset(objects.name)) AND (a.organization_id = app.photo_organization(objects.name))))))
policy "photos are deleted with the second factor that is demanded" on storage.objects as restrictive for delete to authenticated
    using ((bucket_id <> 'asset-photos'::text) OR app.passes_aal2(app.photo_organization(name)))
policy "photos are uploaded with the second factor that is demanded" on storage.objects as restrictive for insert to authenticated
    with check ((bucket_id <> 'asset-photos'::text) OR app.passes_aal2(app.photo_organization(name)))

-- functions
function app.access_mark(p_organization_id uuid, p_sections public.asset_section[]) returns text; plpgsql stable set search_path=""; body 92c798a8; grants none
function app.address_errors(p_address jsonb) returns jsonb; plpgsql stable set search_path=""; body 5f89481e; grants none
function app.advance_waitlist(p_asset_id uuid) returns void; plpgsql volatile set search_path=""; body d0bc0e51; grants none
function app.advance_window_trigger(p_case app.booking_case, p_conditions jsonb) returns jsonb; plpgsql stable set search_path=""; body f9440301; grants none
function app.announce_access(p_organization_id uuid, p_user_id uuid) returns void; plpgsql volatile security definer set search_path=""; body c8f8b7fd; grants none
function app.announce_ended_sessions() returns trigger; plpgsql volatile security definer set search_path=""; body 417a4df1; grants none
function app.announce_events(p_organization_id uuid, p_first_seq bigint) returns void; plpgsql volatile set search_path=""; body 6d77f2dc; grants none
function app.announce_lowered_session() returns trigger; plpgsql volatile security definer set search_path=""; body 559331bc; grants none
function app.announce_member_access() returns trigger; plpgsql volatile security definer set search_path=""; body c29d48d8; grants none
function app.announce_organization_access() returns trigger; plpgsql volatile security definer set search_path=""; body 628429d7; grants none
function app.append_audit(p_organization_id uuid, p_action text, p_resource_type text, p_resource_id uuid, p_metadata jsonb) returns uuid; plpgsql volatile security definer set search_path=""; body a359193c; grants none
function app.append_event(p_organization_id uuid, p_type text, p_state jsonb, p_previous jsonb, p_asset_ids uuid[]) returns bigint; plpgsql volatile set search_path=""; body f38cebb8; grants none
function app.apply_asset_operation(p_organization_id uuid, p_operation jsonb) returns public.assets; plpgsql volatile set search_path=""; body 6d7ba4d3; grants none
function app.approval_errors(p_rule public.tier_booking_rules) returns jsonb; plpgsql stable set search_path=""; body 51939043; grants none
function app.approval_json(p_request public.approval_requests) returns jsonb; plpgsql stable set search_path=""; body 811168ce; grants none
function app.approval_obstacle(p_row public.reservations) returns jsonb; plpgsql stable set search_path=""; body 2bc86c65; grants none
function app.approval_plan(p_case app.booking_case, p_violations jsonb) returns jsonb; plpgsql stable set search_path=""; body fdd8fa49; grants none
function app.approvals_json(p_reservation_id uuid) returns jsonb; plpgsql stable set search_path=""; body e98b0372; grants none
function app.approvals_to_decide(p_row public.reservations, p_rule_id uuid) returns SETOF public.rule_approvals; plpgsql stable set search_path=""; body 6ee349ce; grants none
function app.ask_approval_anew(p_row public.reservations) returns void; plpgsql volatile set search_path=""; body 47f6a033; grants none
function app.asked_approval_requests(p_organization_id uuid) returns SETOF uuid; sql stable set search_path=""; body 89773dbb; grants none
function app.asset_document(p_name text, p_description text, p_details jsonb) returns tsvector; plpgsql stable set search_path=""; body f337cf6a; grants none
function app.asset_errors(p_asset public.assets) returns jsonb; plpgsql stable set search_path=""; body 0c4a0e0b; grants none
function app.asset_ids_errors(p_organization_id uuid, p_input jsonb) returns jsonb; plpgsql stable set search_path=""; body e53b6093; grants none
function app.asset_input_errors(p_asset jsonb, p_is_new boolean) returns jsonb; sql stable set search_path=""; body ee6c2d98; grants none
function app.asset_json(p_asset public.assets) returns jsonb; sql stable set search_path=""; body ce1318b3; grants none
function app.audit_cells(p_link app.audit_chain, p_entry public.audit_logs) returns text[]; sql stable set search_path=""; body 5f96f9c8; grants none
function app.audit_cursor(p_created_at timestamp with time zone, p_id uuid) returns text; sql stable set search_path=""; body 33810d1b; grants none
function app.audit_digest(p_entry public.audit_logs) returns bytea; sql stable; body 67a80ea3; grants none
function app.audit_field(p_value text) returns text; sql immutable; body 52fb927c; grants none
function app.audit_filter_of(p_user_id uuid, p_action text, p_resource_type text, p_resource_id uuid, p_request_id text, p_from timestamp with time zone, p_to timestamp with time zone) returns app.audit_filter; plpgsql stable set search_path=""; body c7b9eb19; grants none
function app.audit_json(p_entry public.audit_logs) returns jsonb; sql stable set search_path=""; body 23054621; grants none
function app.audit_link_hash(p_chain_id uuid, p_position bigint, p_sealed_at timestamp with time zone, p_previous_hash bytea, p_digest bytea) returns bytea; sql stable; body 2893e3d2; grants none
function app.audit_matches(p_entry public.audit_logs, p_filter app.audit_filter) returns boolean; sql stable; body 5d6fbeda; grants none
function app.audit_row() returns trigger; plpgsql volatile security definer set search_path="", TimeZone=UTC; body 2de07d97; grants none
function app.audit_table(p_table regclass, p_id text DEFAULT 'id'::text, p_organization text DEFAULT 'organization_id'::text, p_redacted text[] DEFAULT '{}'::text[]) returns void; plpgsql volatile set search_path=""; body ad4f270f; grants none
function app.audit_truncate() returns trigger; plpgsql volatile security definer set search_path=""; body 6b75af2e; grants none
function app.audit_values(p_row jsonb, p_redacted text[]) returns jsonb; sql immutable set search_path=""; body 2c6d3ca9; grants none
function app.audited_organization(p_resource_id uuid) returns uuid; sql stable set search_path=""; body e4f5b26c; grants none
function app.audited_organizations() returns SETOF uuid; plpgsql stable security definer set search_path=""; body cfd083ca; grants execute to authenticated
function app.awaits_decision(p_approval public.rule_approvals, p_request public.approval_requests) returns boolean; sql stable; body 09f78f3d; grants none
function app.begin_audit_export(p_organization_id uuid, p_filter app.audit_filter) returns uuid; plpgsql volatile set search_path="", lock_timeout=5s; body d2cac6c5; grants none
function app.between_errors(p_path text, p_value integer, p_min integer, p_max integer) returns jsonb; sql immutable set search_path=""; body e50d29dd; grants none
function app.blackout_resource(p_row public.blackout_dates) returns jsonb; sql stable set search_path=""; body 87ebdf2d; grants none
function app.blackout_violations(p_case app.booking_case) returns jsonb; plpgsql stable set search_path=""; body a68f3cad; grants none
function app.bookable_asset(p_asset_id uuid) returns public.assets; plpgsql volatile set search_path=""; body 17297484; grants none
function app.booking_errors(p_title text, p_start timestamp with time zone, p_end timestamp with time zone, p_guest_count integer, p_notes text, p_metadata jsonb, p_guests jsonb, p_capacity integer, p_earliest timestamp with time zone) returns jsonb; plpgsql stable set search_path=""; body d5c776e9; grants none
function app.bound_hold() returns trigger; plpgsql volatile set search_path=""; body 8aa8e2e8; grants none
function app.cancel_bookings_for_maintenance(p_reservation_ids uuid[], p_title text, p_reason text) returns void; plpgsql volatile set search_path=""; body 927b51b7; grants none
function app.cancel_maintenance_of_archived_asset() returns trigger; plpgsql volatile security definer set search_path=""; body 5b2634c3; grants none
function app.chain_end_problem(p_chain_id uuid) returns jsonb; plpgsql stable set search_path="", enable_seqscan=off; body a056cfa2; grants none
function app.chain_of(p_organization_id uuid) returns uuid; sql immutable; body 45529922; grants none
function app.change_instance(p_series public.reservation_series, p_instance app.series_instances, p_changes jsonb, p_expected_version integer) returns jsonb; plpgsql volatile set search_path=""; body a761f32f; grants none
function app.changeable_reservation(p_reservation_id uuid) returns public.reservations; plpgsql volatile set search_path=""; body 3d7c523b; grants none
function app.changeable_series(p_series_id uuid) returns public.reservation_series; plpgsql volatile set search_path=""; body c9f819ae; grants none
function app.changes_json(p_moves app.series_move[], p_report jsonb) returns jsonb; sql stable set search_path=""; body 4661994b; grants none
function app.check_asset() returns trigger; plpgsql volatile security definer set search_path=""; body 65fa0774; grants none
function app.check_chain(p_chain_id uuid, p_from bigint, p_limit integer, p_known_head jsonb) returns jsonb; plpgsql stable set search_path=""; body 34f79116; grants none
function app.check_entitlement() returns trigger; plpgsql volatile security definer set search_path=""; body e04006b7; grants none
function app.check_fields() returns trigger; plpgsql volatile security definer set search_path=""; body 731906a6; grants none
function app.check_in_violations(p_case app.booking_case) returns jsonb; plpgsql stable set search_path=""; body 73395ae7; grants none
function app.check_keys(p_object jsonb, p_allowed text[], p_required text[] DEFAULT '{}'::text[], p_path text DEFAULT NULL::text) returns void; plpgsql stable set search_path=""; body 19e61cb0; grants none
function app.check_maintenance_canceled() returns trigger; plpgsql volatile security definer set search_path=""; body 20715a4b; grants none
function app.check_photo() returns trigger; plpgsql volatile security definer set search_path=""; body 1399d1b2; grants none
function app.check_photo_source() returns trigger; plpgsql volatile security definer set search_path=""; body a7661e8d; grants none
function app.check_references() returns trigger; plpgsql volatile security definer set search_path=""; body b79fa6a4; grants none
function app.check_rule() returns trigger; plpgsql volatile security definer set search_path=""; body 25336a5b; grants none
function app.check_series(p_asset public.assets, p_values jsonb, p_start timestamp with time zone, p_end timestamp with time zone, p_rrule text, p_on_conflict text, p_exdates timestamp with time zone[]) returns app.series_slot[]; plpgsql stable set search_path=""; body 5ceb1f7a; grants none
function app.check_series_version(p_row public.reservation_series, p_expected_version integer, p_found integer) returns void; plpgsql stable set search_path=""; body ee08f140; grants none
function app.check_time_zone() returns trigger; plpgsql volatile security definer set search_path=""; body 34a185c5; grants none
function app.checked_blackout(p_row public.blackout_dates, p_base jsonb, p_input jsonb) returns public.blackout_dates; plpgsql stable set search_path=""; body e4b6d93c; grants none
function app.checked_input(p_subject text, p_base jsonb, p_input jsonb, p_extra text[] DEFAULT '{}'::text[], p_faults jsonb DEFAULT '[]'::jsonb) returns jsonb; plpgsql stable set search_path=""; body 5fcc52f9; grants none
function app.checked_rule(p_row public.tier_booking_rules, p_base jsonb, p_input jsonb) returns public.tier_booking_rules; plpgsql stable set search_path=""; body a03c879f; grants none
function app.checked_tier(p_base jsonb, p_input jsonb) returns jsonb; plpgsql stable set search_path=""; body daae6e09; grants none
function app.claim_idempotency_key(p_route text, p_key text, p_request jsonb) returns jsonb; plpgsql volatile set search_path=""; body dd9ae69a; grants none
function app.clear_way_for_maintenance(p_window public.maintenance_windows) returns uuid[]; plpgsql volatile set search_path=""; body 0bfecd2c; grants none
function app.close_approval_request(p_request_id uuid, p_status text) returns void; sql volatile set search_path=""; body f56a49ce; grants none
function app.column_errors(p_path text, p_value text, p_max integer, p_may_be_blank boolean DEFAULT true) returns jsonb; sql immutable set search_path=""; body 057827fb; grants none
function app.complete_approval_request() returns trigger; plpgsql volatile security definer set search_path=""; body 204c893d; grants none
function app.concurrent_booking_trigger(p_case app.booking_case, p_conditions jsonb) returns jsonb; plpgsql stable set search_path="", plan_cache_mode=force_generic_plan; body 06848a65; grants none
function app.condition_error(p_path text, p_value jsonb, p_kind text, p_least numeric, p_most numeric, p_choices text[]) returns jsonb; plpgsql immutable set search_path=""; body b7cca79e; grants none
function app.condition_errors(p_type public.rule_type, p_conditions jsonb, p_organization_id uuid, p_path text DEFAULT 'conditions'::text) returns jsonb; plpgsql stable set search_path=""; body 9ed2228e; grants none
function app.condition_fields(p_type public.rule_type) returns TABLE(key text, kind text, is_required boolean, at_least numeric, at_most numeric, choices text[]); sql immutable set search_path=""; body e535818a; grants none
function app.conflicts(p_asset_id uuid, p_occupied tstzrange, p_exclude_ids uuid[] DEFAULT '{}'::uuid[]) returns jsonb; plpgsql stable set search_path="", plan_cache_mode=force_generic_plan; body 3d639f7c; grants none
function app.consecutive_booking_trigger(p_case app.booking_case, p_conditions jsonb) returns jsonb; plpgsql stable set search_path="", plan_cache_mode=force_generic_plan; body d2eb8add; grants none
function app.count_approvals(p_request public.approval_requests, OUT people integer, OUT open integer, OUT outcome text, OUT decidable boolean) returns record; plpgsql stable set search_path=""; body 8e2f436b; grants none
function app.count_details_change() returns trigger; plpgsql volatile security definer set search_path=""; body 95f071e8; grants none
function app.count_limits_change() returns trigger; plpgsql volatile security definer set search_path=""; body 20f05fde; grants none
function app.count_subscription_change() returns trigger; plpgsql volatile security definer set search_path=""; body 771f133b; grants none
function app.count_words(p_count numeric, p_unit text) returns text; sql immutable set search_path=""; body 6f15736b; grants none
function app.counted_rrule(p_rrule text, p_count integer) returns text; sql immutable set search_path=""; body 924f7b64; grants none
function app.cursor_of(p_seq bigint, p_id uuid) returns text; sql immutable; body c45c9794; grants none
function app.cursor_status(p_organization_id uuid, p_cursor text) returns text; plpgsql stable set search_path=""; body 2343a216; grants none
function app.custom_trigger(p_case app.booking_case, p_conditions jsonb) returns jsonb; sql immutable set search_path=""; body ab5248c8; grants none
function app.daily_use(p_case app.booking_case, p_unit text, p_scope text, p_from date, p_to date) returns TABLE(day date, used numeric, total numeric); sql stable; body e50c5d88; grants none
function app.date_range_errors(p_conditions jsonb, p_path text) returns jsonb; plpgsql immutable set search_path=""; body 02afefb2; grants none
function app.date_range_trigger(p_case app.booking_case, p_conditions jsonb) returns jsonb; plpgsql stable set search_path=""; body 7c120fa5; grants none
function app.date_words(p_date date) returns text; sql stable set search_path=""; body 69075b0c; grants none
function app.day_start(p_day date, p_time_zone text) returns timestamp with time zone; sql immutable; body c12e1c82; grants none
function app.days_words(p_first date, p_last date) returns text; sql stable set search_path=""; body 538bc15d; grants none
function app.decide_stream_grants(p_requests jsonb) returns jsonb; plpgsql volatile security definer set search_path=""; body 3ea686c2; grants none
function app.decides_for(p_approval public.rule_approvals) returns boolean; sql stable set search_path=""; body 7f7ddae0; grants none
function app.delegation_json(p_row public.approval_delegations) returns jsonb; plpgsql stable set search_path=""; body 89016678; grants none
function app.describe_instances(p_ids uuid[], p_changes jsonb, p_new public.reservations) returns void; plpgsql volatile set search_path=""; body 57d10d15; grants none
function app.displace(p_asset public.assets, p_case app.booking_case) returns public.reservations[]; plpgsql volatile set search_path=""; body f07a6392; grants none
function app.drop_deleted_approver() returns trigger; plpgsql volatile security definer set search_path=""; body 5acc3e66; grants none
function app.drop_from_request(p_request public.approval_requests, p_row public.reservations, p_user_id uuid, p_leaving uuid, p_may_approve boolean DEFAULT true) returns void; plpgsql volatile set search_path=""; body e4116847; grants none
function app.drop_holds(p_organization_id uuid, p_user_id uuid, p_ids uuid[]) returns void; plpgsql volatile set search_path=""; body 43f4da0b; grants none
function app.duration_trigger(p_case app.booking_case, p_conditions jsonb) returns jsonb; plpgsql stable set search_path=""; body 60339b5e; grants none
function app.easter(p_year integer) returns date; plpgsql immutable set search_path=""; body 7ea0b1db; grants none
function app.eligible_approvers(p_organization_id uuid, p_approval_type text, p_tier_id uuid, p_user_ids uuid[], p_section public.asset_section, p_excluded uuid[]) returns uuid[]; plpgsql stable set search_path=""; body df92d9d4; grants none
function app.email_errors(p_object jsonb, p_key text) returns jsonb; plpgsql stable set search_path=""; body b136c5e5; grants none
function app.end_booking(p_row public.reservations, p_status public.reservation_status, p_reason text DEFAULT NULL::text) returns public.reservations; plpgsql volatile set search_path=""; body c16c18b2; grants none
function app.end_offer_of_hold() returns trigger; plpgsql volatile security definer set search_path=""; body d4bfb507; grants none
function app.end_waiting_for_asset() returns trigger; plpgsql volatile security definer set search_path=""; body 78331582; grants none
function app.end_waiting_of_deleted_person() returns trigger; plpgsql volatile security definer set search_path=""; body e5eb07cd; grants none
function app.end_waiting_of_member() returns trigger; plpgsql volatile security definer set search_path=""; body af7630ff; grants none
function app.enlist_displaced(p_row public.reservations) returns void; plpgsql volatile set search_path=""; body 01bfda00; grants none
function app.escalate_approval_request(p_request public.approval_requests, p_row public.reservations, p_leaving uuid DEFAULT NULL::uuid) returns boolean; plpgsql volatile set search_path=""; body 5bedee86; grants none
function app.escalate_or_give_up(p_request public.approval_requests, p_row public.reservations, p_leaving uuid) returns void; plpgsql volatile set search_path=""; body 86f7c062; grants none
function app.event_json(p_event public.calendar_events) returns jsonb; sql stable; body b4188e0d; grants none
function app.excluded_times(p_series_id uuid) returns timestamp without time zone[]; sql stable set search_path=""; body a0de416e; grants none
function app.expand_rrule(p_rrule text, p_start timestamp without time zone, p_exdates timestamp without time zone[] DEFAULT '{}'::timestamp without time zone[], p_limit integer DEFAULT 366, p_time_zone text DEFAULT 'UTC'::text) returns SETOF timestamp without time zone; plpgsql stable set search_path=""; body 6e6ab66e; grants none
function app.expire_approvals_of(p_row public.reservations) returns text; plpgsql volatile set search_path=""; body 47b7ae8a; grants none
function app.fail(p_code text, p_message text, p_status integer, p_details jsonb DEFAULT NULL::jsonb) returns void; plpgsql stable set search_path=""; body 734e8d15; grants none
function app.fail_busy() returns void; plpgsql volatile set search_path=""; body de5009bb; grants none
function app.fail_conflict(p_asset_id uuid, p_start timestamp with time zone, p_end timestamp with time zone, p_turnaround interval, p_exclude_ids uuid[] DEFAULT '{}'::uuid[], p_more jsonb DEFAULT '{}'::jsonb) returns void; plpgsql stable set search_path=""; body 79ce57d0; grants none
function app.fail_fields(p_fields jsonb) returns void; plpgsql stable set search_path=""; body 62f55bc8; grants none
function app.fail_future_bookings(p_count bigint) returns void; plpgsql stable set search_path=""; body db1efac6; grants none
function app.fail_operations(p_errors jsonb) returns void; plpgsql stable set search_path=""; body e29b8d9d; grants none
function app.fail_rules(p_violations jsonb, p_conflicts jsonb DEFAULT '[]'::jsonb) returns void; plpgsql stable set search_path=""; body 1cb6e37d; grants none
function app.fail_series(p_report jsonb) returns void; plpgsql stable set search_path=""; body 180bb5de; grants none
function app.fail_tier_not_unique(p_constraint text) returns void; plpgsql stable set search_path=""; body e35fe776; grants none
function app.feature_enabled(p_feature app.feature, p_organization_id uuid) returns boolean; plpgsql stable security definer set search_path=""; body 2b42eb80; grants none
function app.features_json(p_organization_id uuid) returns jsonb; sql stable set search_path=""; body 2a35f351; grants none
function app.features_off() returns text[]; sql stable set search_path=""; body 0d7c87ff; grants none
function app.field_error(p_path text, p_code text, p_message text, p_params jsonb DEFAULT NULL::jsonb) returns jsonb; sql immutable set search_path=""; body 1fd55247; grants none
function app.fill_maintenance(p_window public.maintenance_windows, p_placing boolean) returns void; plpgsql volatile set search_path=""; body 814bf1d2; grants none
function app.find_approvers(p_organization_id uuid, p_config jsonb, p_section public.asset_section, p_excluded uuid[]) returns jsonb; plpgsql stable set search_path=""; body 88694c0c; grants none
function app.finding(p_code text, p_message text, p_params jsonb) returns jsonb; sql immutable set search_path=""; body 8f42e171; grants none
function app.first_day(p_case app.booking_case) returns date; sql immutable; body 6d7bd776; grants none
function app.follow_email() returns trigger; plpgsql volatile security definer set search_path=""; body 6306018f; grants none
function app.follow_reservation_with_approvals() returns trigger; plpgsql volatile security definer set search_path=""; body c499c75d; grants none
function app.free_alternatives(p_asset_id uuid, p_start timestamp with time zone, p_end timestamp with time zone, p_turnaround interval, p_exclude_ids uuid[] DEFAULT '{}'::uuid[]) returns jsonb; plpgsql stable set search_path="", plan_cache_mode=force_generic_plan; body 995c4d2d; grants none
function app.full_name(p_first_name text, p_last_name text) returns text; sql stable; body db201eb7; grants none
function app.full_view_organizations() returns SETOF uuid; plpgsql stable security definer set search_path=""; body bf08aeb4; grants execute to authenticated
function app.gives_up_time(p_row public.reservations, p_asset_id uuid, p_start timestamp with time zone, p_end timestamp with time zone) returns boolean; sql stable set search_path=""; body 2d0e6f61; grants none
function app.guest_errors(p_guests jsonb) returns jsonb; plpgsql stable set search_path=""; body 35b43b99; grants none
function app.has_verified_factor() returns boolean; plpgsql stable security definer set search_path=""; body ba3eeb96; grants none
function app.head_cursor(p_organization_id uuid) returns text; plpgsql stable set search_path=""; body 9269334e; grants none
function app.head_json(p_chain_id uuid) returns jsonb; sql stable set search_path=""; body 2d5baeba; grants none
function app.hint_of_sessions(p_user_ids uuid[]) returns void; plpgsql volatile security definer set search_path="", lock_timeout=500ms; body fecf95b9; grants none
function app.hold_json(p_row public.reservations, p_asset public.assets) returns jsonb; sql stable set search_path=""; body 0db420f8; grants none
function app.holds_slot(p_status public.reservation_status) returns boolean; sql immutable; body 1486781a; grants none
function app.holiday_dates(p_ids uuid[], p_from date, p_to date) returns TABLE(holiday_id uuid, name text, name_es text, date date); sql stable; body fe9415c8; grants none
function app.holiday_resource(p_row public.holidays) returns jsonb; sql stable set search_path=""; body 450816e3; grants none
function app.holiday_trigger(p_case app.booking_case, p_conditions jsonb) returns jsonb; plpgsql stable set search_path=""; body 210268ae; grants none
function app.id_list(p_ids jsonb) returns uuid[]; plpgsql immutable set search_path=""; body 25938a7e; grants none
function app.int_array(p_numbers jsonb) returns integer[]; sql immutable set search_path=""; body a384695d; grants none
function app.invitation_json(p_row public.invitations) returns jsonb; sql stable set search_path=""; body 81e994a8; grants none
function app.invitation_status(p_row public.invitations) returns text; sql stable set search_path=""; body f07b70fb; grants none
function app.is_anyone_asked(p_request public.approval_requests) returns boolean; sql stable set search_path=""; body 1e47dfe3; grants none
function app.is_displaceable(p_asset public.assets, p_case app.booking_case) returns boolean; plpgsql stable set search_path=""; body fe7bde15; grants none
function app.is_obstructed(p_asset public.assets, p_case app.booking_case, p_verdict app.verdict, p_displace boolean) returns boolean; plpgsql stable set search_path=""; body c8996b55; grants none
function app.is_taken(p_asset public.assets, p_start timestamp with time zone, p_end timestamp with time zone, p_exclude_ids uuid[] DEFAULT '{}'::uuid[]) returns boolean; plpgsql stable set search_path=""; body d95f0059; grants none
function app.is_time_zone(p_name text) returns boolean; plpgsql stable security definer set search_path=""; body 83d90833; grants none
function app.judge(p_case app.booking_case) returns jsonb; plpgsql stable set search_path="", plan_cache_mode=force_generic_plan; body 014f3646; grants none
function app.judged_records(p_records json) returns TABLE(place bigint, id text, record jsonb, fault text); sql stable set search_path=""; body 4d36c079; grants none
function app.keep_answer(p_route text, p_key text, p_answer jsonb) returns void; sql volatile set search_path=""; body 37fd117d; grants none
function app.keep_approving_tier() returns trigger; plpgsql volatile security definer set search_path=""; body 2c1e17af; grants none
function app.keep_asset_document() returns trigger; plpgsql volatile security definer set search_path=""; body 0e197720; grants none
function app.keep_default_tier() returns trigger; plpgsql volatile security definer set search_path=""; body 8fb0c720; grants none
function app.keep_last_owner() returns trigger; plpgsql volatile security definer set search_path=""; body 6e3753f6; grants none
function app.keep_maintenance_identity() returns trigger; plpgsql volatile security definer set search_path=""; body 51354a2f; grants none
function app.keep_maintenance_occupancy() returns trigger; plpgsql volatile security definer set search_path=""; body efbb9feb; grants none
function app.keep_members_with_bookings() returns trigger; plpgsql volatile security definer set search_path=""; body d3e4d020; grants none
function app.keep_occupancy() returns trigger; plpgsql volatile security definer set search_path=""; body ddd5ccdb; grants none
function app.keep_reservation_identity() returns trigger; plpgsql volatile security definer set search_path=""; body 403c37c5; grants none
function app.keep_used_holiday() returns trigger; plpgsql volatile security definer set search_path=""; body 917a8a5e; grants none
function app.keep_used_tier() returns trigger; plpgsql volatile security definer set search_path=""; body 73397a54; grants none
function app.key_errors(p_object jsonb, p_allowed text[], p_required text[] DEFAULT '{}'::text[], p_path text DEFAULT NULL::text) returns jsonb; plpgsql stable set search_path=""; body 7251ecd8; grants none
function app.known_fields(p_subject text) returns TABLE(key text, kind text, is_required boolean, minimum bigint, maximum bigint, pattern text, choices text[], example text); sql stable set search_path=""; body 7a81f0aa; grants none
function app.known_head_problem(p_chain_id uuid, p_known_head jsonb) returns jsonb; plpgsql stable set search_path=""; body b6ba5103; grants none
function app.last_day(p_case app.booking_case) returns date; sql stable; body fce6d612; grants none
function app.last_used_day(p_unit text, p_start timestamp with time zone, p_end timestamp with time zone, p_zone text) returns date; sql stable; body 573bd23c; grants none
function app.lead_time_trigger(p_case app.booking_case, p_conditions jsonb) returns jsonb; plpgsql stable set search_path=""; body cd82a0f3; grants none
function app.limit_photos() returns trigger; plpgsql volatile security definer set search_path=""; body 6f6bbf2a; grants none
function app.link_entries(p_head app.audit_heads, p_entry_ids uuid[], p_digests bytea[]) returns void; plpgsql volatile set search_path=""; body 2f172e2c; grants none
function app.list_errors(p_status text[], p_from timestamp with time zone, p_to timestamp with time zone, p_q text, p_sort text, p_page integer, p_page_size integer) returns jsonb; plpgsql stable set search_path=""; body 3a54e3e3; grants none
function app.local_day(p_time timestamp with time zone, p_time_zone text) returns date; sql immutable; body f413aaac; grants none
function app.local_length(p_start timestamp with time zone, p_end timestamp with time zone, p_time_zone text) returns interval; sql immutable set search_path=""; body b7fb145b; grants none
function app.local_time(p_local timestamp without time zone, p_time_zone text) returns timestamp with time zone; plpgsql immutable set search_path=""; body d28ab416; grants none
function app.lock_assets(p_asset_ids uuid[]) returns void; plpgsql volatile set search_path=""; body befdc18d; grants none
function app.lock_blackout(p_organization_id uuid, p_blackout_id uuid, p_expected_version integer) returns public.blackout_dates; plpgsql volatile set search_path=""; body 4bb86213; grants none
function app.lock_bookings_of(p_organization_id uuid, p_user_id uuid, p_other_id uuid DEFAULT NULL::uuid) returns uuid[]; plpgsql volatile set search_path=""; body d0505173; grants none
function app.lock_event_counters(p_notes jsonb) returns void; plpgsql volatile set search_path="", lock_timeout=5s; body 7004a83a; grants none
function app.lock_hold(p_hold_id uuid) returns void; plpgsql volatile set search_path=""; body 0beb0d74; grants none
function app.lock_holiday(p_organization_id uuid, p_holiday_id uuid, p_expected_version integer) returns public.holidays; plpgsql volatile set search_path=""; body 46217d8a; grants none
function app.lock_instances(p_series public.reservation_series, p_from_place integer, p_target_id uuid, p_expected_version integer) returns app.series_move[]; plpgsql volatile set search_path=""; body 5ab0d0f6; grants none
function app.lock_maintenance_asset() returns trigger; plpgsql volatile security definer set search_path=""; body 272c1e6f; grants none
function app.lock_member(p_organization_id uuid, p_user_id uuid, p_min_role public.member_role, p_expected_version integer) returns public.organization_members; plpgsql volatile set search_path=""; body 52f08377; grants none
function app.lock_open_reservation(p_reservation_id uuid, p_expected_version integer) returns public.reservations; plpgsql volatile set search_path=""; body f7ee576f; grants none
function app.lock_people(p_organization_id uuid, p_user_ids uuid[]) returns void; plpgsql volatile set search_path=""; body 05e383b5; grants none
function app.lock_restorable(p_reservation_id uuid) returns public.reservations; plpgsql volatile set search_path=""; body d2a531fd; grants none
function app.lock_rule(p_organization_id uuid, p_rule_id uuid, p_expected_version integer) returns public.tier_booking_rules; plpgsql volatile set search_path=""; body 3a145922; grants none
function app.lock_seats(p_organization_id uuid) returns integer; plpgsql volatile set search_path=""; body d2c3f9cb; grants none
function app.lock_tier(p_organization_id uuid, p_tier_id uuid, p_expected_version integer) returns public.tiers; plpgsql volatile set search_path=""; body 87932f15; grants none
function app.lock_waitlist_entry(p_entry_id uuid, p_statuses public.waitlist_status[]) returns public.waitlist_entries; plpgsql volatile set search_path=""; body c635e9f2; grants none
function app.log_before_asset_goes() returns trigger; plpgsql volatile security definer set search_path=""; body 33757067; grants none
function app.log_change(p_organization_id uuid, p_type text, p_state jsonb, p_previous jsonb, p_asset_ids uuid[]) returns void; plpgsql volatile set search_path=""; body f7159159; grants none
function app.log_event() returns trigger; plpgsql volatile security definer set search_path=""; body f50dc8fb; grants none
function app.log_maintenance_event() returns trigger; plpgsql volatile security definer set search_path=""; body 190bbc11; grants none
function app.maintainable_asset(p_asset_id uuid) returns public.assets; plpgsql stable set search_path=""; body 9339aad4; grants none
function app.maintenance_conflicts(p_window public.maintenance_windows, p_exclude_ids uuid[] DEFAULT '{}'::uuid[]) returns jsonb; plpgsql stable set search_path=""; body 8b182a4d; grants none
function app.maintenance_errors(p_title text, p_start timestamp with time zone, p_end timestamp with time zone, p_resolution text, p_reason text) returns jsonb; plpgsql stable set search_path=""; body 5f6b7cf8; grants none
function app.maintenance_json(p_row public.maintenance_windows) returns jsonb; plpgsql stable set search_path=""; body a7645bb9; grants none
function app.maintenance_state(p_row public.maintenance_windows) returns jsonb; sql stable; body 5a56caae; grants none
function app.make_case(p_asset public.assets, p_user_id uuid, p_start timestamp with time zone, p_end timestamp with time zone, p_exclude_ids uuid[] DEFAULT '{}'::uuid[], p_starts_anew boolean DEFAULT true) returns app.booking_case; plpgsql stable set search_path=""; body 3dcf6ed6; grants none
function app.max_consecutive_days_trigger(p_case app.booking_case, p_conditions jsonb) returns jsonb; plpgsql stable set search_path="", plan_cache_mode=force_generic_plan; body bea16f13; grants none
function app.max_open_trigger(p_case app.booking_case, p_conditions jsonb) returns jsonb; plpgsql stable set search_path="", plan_cache_mode=force_generic_plan; body 8a114359; grants none
function app.may_read_approvals(p_row public.reservations) returns boolean; plpgsql stable set search_path=""; body 381dde6a; grants none
function app.member_json(p_member public.organization_members, p_private boolean) returns jsonb; sql stable set search_path=""; body 43e37fc2; grants none
function app.member_organizations() returns SETOF uuid; plpgsql stable security definer set search_path=""; body 0d411f26; grants execute to authenticated
function app.member_role(p_organization_id uuid) returns public.member_role; plpgsql stable security definer set search_path=""; body 8f347111; grants execute to authenticated
function app.minutes_words(p_minutes bigint) returns text; sql immutable set search_path=""; body aec5c41f; grants none
function app.month_day_date(p_month_day text, p_year integer) returns date; sql immutable; body b994dd7a; grants none
function app.most_use(p_case app.booking_case, p_unit text, p_scope text, p_from date, p_to date) returns TABLE(most numeric); sql stable; body 52b5c843; grants none
function app.move_booking(p_row public.reservations, p_new public.reservations, p_asset public.assets, p_override jsonb) returns public.reservations; plpgsql volatile set search_path=""; body 8405427f; grants none
function app.move_instances(p_moves app.series_move[], p_asset public.assets) returns jsonb; plpgsql volatile set search_path=""; body eb92f55d; grants none
function app.note_event() returns trigger; plpgsql volatile security definer set search_path=""; body 9217bfe5; grants none
function app.note_instance_change() returns trigger; plpgsql volatile security definer set search_path=""; body 61b93cda; grants none
function app.object_errors(p_path text, p_value jsonb, p_max integer) returns jsonb; sql immutable set search_path=""; body b77dad48; grants none
function app.obstacles(p_asset public.assets, p_case app.booking_case, p_verdict app.verdict) returns jsonb; plpgsql stable set search_path=""; body 53de2592; grants none
function app.occupancy_kind(p_status public.reservation_status) returns text; sql immutable; body d7652cf4; grants none
function app.offer_entry(p_entry public.waitlist_entries) returns void; plpgsql volatile set search_path=""; body 1966469f; grants none
function app.open_event_log() returns trigger; plpgsql volatile security definer set search_path=""; body e8c90818; grants none
function app.open_instances(p_series_id uuid, p_from_place integer) returns app.series_move[]; plpgsql stable set search_path=""; body 2e7bde24; grants none
function app.open_maintenance(p_maintenance_id uuid, p_asset_id uuid, p_expected_version integer) returns public.maintenance_windows; plpgsql volatile set search_path=""; body f590baa9; grants none
function app.operation_error(p_error jsonb) returns jsonb; plpgsql stable set search_path=""; body 27ab4a1d; grants none
function app.operation_errors(p_operation jsonb) returns jsonb; plpgsql stable set search_path=""; body 88ba973a; grants none
function app.organization_errors(p_input jsonb, p_allowed text[], p_required text[]) returns jsonb; plpgsql stable set search_path=""; body 981e0130; grants none
function app.organization_json(p_organization public.organizations) returns jsonb; sql stable set search_path=""; body a61faafb; grants none
function app.organization_of(p_resource_id uuid) returns uuid; plpgsql stable security definer set search_path=""; body 239bb514; grants none
function app.organizations_as(p_min_role public.member_role) returns SETOF uuid; plpgsql stable security definer set search_path=""; body fd96ce5e; grants execute to authenticated
function app.overridden(p_violations jsonb, p_override jsonb, p_ignore_others boolean) returns jsonb; plpgsql stable set search_path=""; body 07c23c85; grants none
function app.override_errors(p_override jsonb) returns jsonb; plpgsql immutable set search_path=""; body 59577464; grants none
function app.own_approval_requests() returns SETOF uuid; plpgsql stable security definer set search_path=""; body 639fa7ad; grants execute to authenticated
function app.own_bookings(p_case app.booking_case, p_from date, p_to date, p_scope text) returns TABLE(asset_id uuid, time_zone text, start_date timestamp with time zone, end_date timestamp with time zone); sql stable; body 4f8b16ec; grants none
function app.own_hold(p_hold_id uuid, p_asset_id uuid) returns public.reservations; plpgsql stable set search_path=""; body da68a1b0; grants none
function app.own_invitation(p_token text) returns public.invitations; plpgsql stable set search_path=""; body a618a2b4; grants none
function app.own_run(p_case app.booking_case, p_unit text, p_gap integer, p_reach integer) returns TABLE(first_day date, last_day date, total bigint, requested bigint); sql stable; body 8a0793dc; grants none
function app.page_bounds(p_page integer, p_page_size integer, OUT skip bigint, OUT size integer) returns record; plpgsql immutable set search_path=""; body 9dc70ae0; grants none
function app.parse_date(p_text text) returns date; plpgsql immutable set search_path=""; body 557f0509; grants none
function app.parse_rrule(p_rrule text) returns jsonb; plpgsql immutable set search_path=""; body 60d1a979; grants none
function app.parse_time(p_text text) returns timestamp with time zone; plpgsql stable set search_path=""; body da078ecb; grants none
function app.parse_uuid(p_text text) returns uuid; sql immutable set search_path=""; body 05fc7491; grants execute to authenticated
function app.passes_aal2(p_organization_id uuid) returns boolean; plpgsql stable security definer set search_path=""; body b7eecd93; grants execute to authenticated
function app.patch_errors(p_changes jsonb) returns jsonb; plpgsql stable set search_path=""; body b78a7388; grants none
function app.patched_asset_id(p_changes jsonb) returns uuid; sql immutable set search_path=""; body 519ccb0d; grants none
function app.patched_maintenance(p_row public.maintenance_windows, p_changes jsonb) returns public.maintenance_windows; plpgsql stable set search_path=""; body b254d130; grants none
function app.patched_reservation(p_row public.reservations, p_changes jsonb, p_capacity integer) returns public.reservations; plpgsql stable set search_path=""; body 64251d6f; grants none
function app.person_name(p_user_id uuid) returns text; plpgsql stable set search_path=""; body 630dddf7; grants none
function app.photo_asset(p_name text) returns uuid; sql immutable set search_path=""; body 6558177c; grants execute to authenticated
function app.photo_is_stored(p_path text) returns boolean; plpgsql stable security definer set search_path=""; body 905cd0df; grants none
function app.photo_organization(p_name text) returns uuid; sql immutable set search_path=""; body 69a78d51; grants execute to authenticated
function app.place_booking(p_asset public.assets, p_case app.booking_case, p_verdict app.verdict, p_values jsonb, p_series_id uuid DEFAULT NULL::uuid, p_hold_id uuid DEFAULT NULL::uuid, p_displace boolean DEFAULT false) returns public.reservations; plpgsql volatile set search_path=""; body 04c1ff44; grants none
function app.place_instance(p_series public.reservation_series, p_asset public.assets, p_slot app.series_slot, p_values jsonb, p_override jsonb) returns jsonb; plpgsql volatile set search_path=""; body 68fce243; grants none
function app.plain_words(p_text text) returns text; sql stable set search_path=""; body 4f6d0290; grants none
function app.profile_new_user() returns trigger; plpgsql volatile security definer set search_path=""; body cba79314; grants none
function app.quota_refusal(p_conditions jsonb, p_section public.asset_section, p_from date, p_to date, p_used numeric, p_total numeric) returns jsonb; plpgsql stable set search_path=""; body d6284af8; grants none
function app.quota_trigger(p_case app.booking_case, p_conditions jsonb) returns jsonb; plpgsql stable set search_path="", plan_cache_mode=force_generic_plan; body a9a708b9; grants none
function app.range_errors(p_start timestamp with time zone, p_end timestamp with time zone, p_path_start text DEFAULT 'start_date'::text, p_path_end text DEFAULT 'end_date'::text) returns jsonb; plpgsql stable set search_path=""; body 8eb9fa08; grants none
function app.read_links(p_chain_id uuid, p_from bigint, p_to bigint) returns jsonb; sql stable set search_path=""; body 30cbd01f; grants none
function app.recheck_approver(p_user_id uuid, p_organization_id uuid, p_leaving boolean) returns void; plpgsql volatile security definer set search_path=""; body f2a658af; grants none
function app.recheck_member_as_approver() returns trigger; plpgsql volatile security definer set search_path=""; body 20627885; grants none
function app.record_decision(p_row public.reservations, p_decision text, p_notes text, p_rule_id uuid) returns boolean; plpgsql volatile set search_path=""; body 80f2233f; grants none
function app.reference_errors(p_organization_id uuid, p_named jsonb) returns jsonb; sql stable set search_path=""; body 27728406; grants none
function app.refill_maintenance(p_asset_ids uuid[]) returns void; plpgsql volatile set search_path=""; body da516328; grants none
function app.refill_released() returns trigger; plpgsql volatile security definer set search_path=""; body 5dce6a13; grants none
function app.refuse_archiving_booked_asset() returns trigger; plpgsql volatile security definer set search_path=""; body ea9f6c01; grants none
function app.refuse_audit_change() returns trigger; plpgsql volatile set search_path=""; body e6b123fc; grants none
function app.refuse_further_conflicts(p_old public.maintenance_windows, p_new public.maintenance_windows) returns void; plpgsql volatile set search_path=""; body 15f49cb4; grants none
function app.refuse_maintenance_conflicts(p_window public.maintenance_windows, p_exclude_ids uuid[] DEFAULT '{}'::uuid[]) returns void; plpgsql volatile set search_path=""; body 7402a166; grants none
function app.refuse_overlapping_maintenance(p_window public.maintenance_windows) returns void; plpgsql stable set search_path=""; body 2c0db20f; grants none
function app.refuse_taken(p_asset public.assets, p_start timestamp with time zone, p_end timestamp with time zone, p_exclude_ids uuid[] DEFAULT '{}'::uuid[], p_more jsonb DEFAULT '{}'::jsonb) returns void; plpgsql volatile set search_path=""; body 7bab7197; grants none
function app.refuse_truncate() returns trigger; plpgsql volatile security definer set search_path=""; body e10bfd5c; grants none
function app.release_booking(p_row public.reservations, p_status public.reservation_status, p_reason text DEFAULT NULL::text) returns public.reservations; plpgsql volatile set search_path=""; body 68c1aa16; grants none
function app.release_bookings_of_deleted_person() returns trigger; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 24153df7; grants none
function app.release_occupancy() returns trigger; plpgsql volatile security definer set search_path=""; body 1a5a80ce; grants none
function app.remember_member() returns trigger; plpgsql volatile security definer set search_path=""; body 73c85ac9; grants none
function app.removal_errors(p_organization_id uuid, p_user_id uuid, p_future_bookings text, p_transfer_to uuid) returns jsonb; plpgsql stable set search_path=""; body 53b51888; grants none
function app.replace_default_tier() returns trigger; plpgsql volatile security definer set search_path=""; body 4b33fee2; grants none
function app.replaceable_holds(p_asset_id uuid, p_user_id uuid) returns uuid[]; plpgsql stable set search_path=""; body 78976c65; grants none
function app.request_id() returns text; sql stable set search_path=""; body f8afba39; grants none
function app.request_record_fault(p_record jsonb) returns text; plpgsql stable set search_path=""; body 3b5ecd7a; grants none
function app.require_aal2(p_organization_id uuid, p_sensitive boolean DEFAULT false) returns boolean; plpgsql stable security definer set search_path=""; body 214b7e9c; grants execute to authenticated
function app.require_auditor(p_organization_id uuid) returns uuid; plpgsql stable set search_path=""; body a0620742; grants none
function app.require_feature(p_feature app.feature, p_organization_id uuid) returns void; plpgsql stable set search_path=""; body f3aedfce; grants none
function app.require_level() returns void; plpgsql stable set search_path=""; body 7304fe65; grants none
function app.require_member(p_organization_id uuid, p_min_role public.member_role DEFAULT 'viewer'::public.member_role) returns public.member_role; plpgsql stable security definer set search_path=""; body 56f9b3e3; grants none
function app.require_notice(p_row public.reservations) returns void; plpgsql stable set search_path=""; body aec506cb; grants none
function app.require_seat(p_organization_id uuid, p_seat_limit integer, p_count_invitations boolean) returns void; plpgsql volatile set search_path=""; body b44c449d; grants none
function app.require_user() returns void; plpgsql stable set search_path=""; body bb54f2e5; grants none
function app.require_version(p_version integer, p_expected_version integer, p_current jsonb) returns void; plpgsql stable set search_path=""; body ac0fa38f; grants none
function app.require_waitlist() returns trigger; plpgsql volatile set search_path=""; body 44ec296c; grants none
function app.reservation_json(p_row public.reservations) returns jsonb; plpgsql stable set search_path=""; body 1a69f2fb; grants none
function app.reservation_state(p_row public.reservations) returns jsonb; sql stable; body 34363d53; grants none
function app.restore_obstacle(p_organization public.organizations) returns text; plpgsql stable set search_path=""; body b187c947; grants none
function app.revoke_invitations_of_deleted_person() returns trigger; plpgsql volatile security definer set search_path=""; body 6f5543a8; grants none
function app.revoke_invitations_of_former_admin() returns trigger; plpgsql volatile security definer set search_path=""; body 22926cd1; grants none
function app.role_errors(p_object jsonb, p_allowed public.member_role[]) returns jsonb; plpgsql stable set search_path=""; body c16538c4; grants none
function app.rrule_combination_errors(p_rule jsonb) returns jsonb; plpgsql immutable set search_path=""; body 79b9705b; grants none
function app.rrule_days(p_rule jsonb, p_first date, p_last date) returns SETOF date; plpgsql immutable set search_path=""; body dc1dbcd3; grants none
function app.rrule_error(p_code text, p_message text, p_params jsonb DEFAULT NULL::jsonb) returns jsonb; sql immutable set search_path=""; body 29542391; grants none
function app.rrule_errors(p_rrule text) returns jsonb; sql immutable set search_path=""; body 3c8319b9; grants none
function app.rrule_numbers(p_value text, p_max integer) returns integer[]; plpgsql immutable set search_path=""; body d83a26cb; grants none
function app.rrule_part(p_name text, p_value text) returns jsonb; plpgsql immutable set search_path=""; body 3a1e34ec; grants none
function app.rrule_until(p_value text) returns jsonb; plpgsql immutable set search_path=""; body f4487328; grants none
function app.rrule_weekdays(p_value text) returns integer[]; plpgsql immutable set search_path=""; body b23b8db5; grants none
function app.rule_errors(p_rule public.tier_booking_rules) returns jsonb; plpgsql stable set search_path=""; body c0fcb770; grants none
function app.rule_resource(p_rule public.tier_booking_rules) returns jsonb; sql stable set search_path=""; body 509fafaf; grants none
function app.rule_trigger(p_case app.booking_case, p_type public.rule_type, p_conditions jsonb) returns jsonb; plpgsql stable set search_path=""; body d5878ab5; grants none
function app.save_details(p_reservation_id uuid, p_values jsonb) returns void; plpgsql volatile set search_path=""; body d4196208; grants none
function app.save_limits(p_row public.tiers, p_tier jsonb) returns void; plpgsql volatile set search_path=""; body bf34fa1c; grants none
function app.save_rule_assets(p_row public.tier_booking_rules, p_input jsonb) returns void; plpgsql volatile set search_path=""; body 0bc3c235; grants none
function app.seal_chain(p_chain_id uuid, p_limit integer, p_wait boolean DEFAULT false) returns integer; plpgsql volatile security definer set search_path=""; body 908c2662; grants none
function app.search_errors(p_q text, p_status text, p_capacity_min integer, p_free_from timestamp with time zone, p_free_to timestamp with time zone, p_details jsonb, p_sort text, p_page integer, p_page_size integer) returns jsonb; plpgsql stable set search_path=""; body 23159e08; grants none
function app.search_query(p_text text) returns tsquery; plpgsql stable set search_path="", client_min_messages=warning; body 410ad975; grants none
function app.section_view_assets() returns SETOF uuid; plpgsql stable security definer set search_path=""; body 71c12be4; grants execute to authenticated
function app.sections_of(p_organization_id uuid, p_role public.member_role, p_tier_id uuid) returns public.asset_section[]; plpgsql stable security definer set search_path=""; body 9261f6d3; grants none
function app.series_errors(p_slots app.series_slot[], p_rrule text, p_exdates timestamp with time zone[], p_turnaround interval) returns jsonb; plpgsql stable set search_path=""; body a1503941; grants none
function app.series_json(p_row public.reservation_series) returns jsonb; plpgsql stable set search_path=""; body 9e4a45c9; grants none
function app.series_patch_errors(p_changes jsonb) returns jsonb; plpgsql stable set search_path=""; body 61db8b2a; grants none
function app.series_reference(p_series_id uuid, p_scope text, p_from timestamp with time zone) returns app.series_instances; plpgsql stable set search_path=""; body fe4af015; grants none
function app.series_slots(p_rrule text, p_start timestamp with time zone, p_end timestamp with time zone, p_exdates timestamp with time zone[], p_time_zone text) returns app.series_slot[]; plpgsql stable set search_path=""; body fd9bda1c; grants none
function app.series_span(p_starts_at timestamp without time zone, p_duration interval, p_time_zone text) returns tstzrange; plpgsql stable set search_path=""; body 0972bd53; grants none
function app.settle_approvals(p_row public.reservations) returns public.reservations; plpgsql volatile set search_path=""; body 859c8836; grants none
function app.settle_offer_of_hold() returns trigger; plpgsql volatile security definer set search_path=""; body f4c9a562; grants none
function app.shift_series(p_series public.reservation_series, p_moves app.series_move[], p_reference public.reservations, p_new public.reservations, p_counts_guests boolean) returns jsonb; plpgsql volatile set search_path=""; body 96203ff6; grants none
function app.shifted_instances(p_moves app.series_move[], p_series public.reservation_series, p_reference public.reservations, p_new public.reservations, p_time_zone text) returns app.series_move[]; plpgsql stable set search_path=""; body 405e6c03; grants none
function app.slot_conflicts(p_asset public.assets, p_start timestamp with time zone, p_end timestamp with time zone, p_exclude_ids uuid[] DEFAULT '{}'::uuid[]) returns jsonb; plpgsql stable set search_path=""; body 4fe2dc20; grants none
function app.slot_errors(p_slots app.series_slot[], p_turnaround interval, p_path text) returns jsonb; plpgsql stable set search_path=""; body 3ead2ff1; grants none
function app.slot_report(p_slot app.series_slot, p_outcome text, p_reservation_id uuid, p_conflicts jsonb DEFAULT '[]'::jsonb, p_violations jsonb DEFAULT '[]'::jsonb) returns jsonb; sql stable set search_path=""; body 480262a0; grants none
function app.spend_tickets(p_requests jsonb) returns uuid[]; plpgsql volatile set search_path=""; body cb41df34; grants none
function app.split_series(p_series public.reservation_series, p_place integer) returns public.reservation_series; plpgsql volatile set search_path=""; body c0f49a06; grants none
function app.submit_approvals(p_row public.reservations, p_plan jsonb) returns void; plpgsql volatile set search_path=""; body e4b48291; grants none
function app.sum_of(p_by_section jsonb, p_sections public.asset_section[]) returns integer; sql immutable set search_path=""; body 86d39c36; grants none
function app.sweep_asset(p_asset_id uuid) returns integer; plpgsql volatile set search_path=""; body 488508b3; grants none
function app.take_unsealed(p_chain_id uuid, p_limit integer, OUT entry_ids uuid[], OUT digests bytea[]) returns record; plpgsql volatile set search_path="", enable_seqscan=off, enable_hashjoin=off, enable_mergejoin=off; body 8094a444; grants none
function app.text_errors(p_object jsonb, p_key text, p_max integer, p_path text DEFAULT NULL::text) returns jsonb; plpgsql stable set search_path=""; body 9a6dcb9b; grants none
function app.text_fault(p_record jsonb, p_name text, p_most integer) returns text; sql immutable; body d4bcfe75; grants none
function app.tier_id_errors(p_organization_id uuid, p_object jsonb, p_lock boolean DEFAULT true) returns jsonb; plpgsql volatile set search_path=""; body 72d8a807; grants none
function app.tier_json(p_organization_id uuid, p_tier_id uuid) returns jsonb; sql stable set search_path=""; body f3d81227; grants none
function app.tier_limit_violations(p_case app.booking_case) returns jsonb; plpgsql stable set search_path=""; body fbbb6ca8; grants none
function app.tier_resource(p_tier public.tiers) returns jsonb; sql stable set search_path=""; body 7ecbd61b; grants none
function app.touch() returns trigger; plpgsql volatile set search_path=""; body f830270d; grants none
function app.touch_rule_of_asset() returns trigger; plpgsql volatile security definer set search_path=""; body feddaca2; grants none
function app.transfer_bookings(p_ids uuid[], p_organization_id uuid, p_transfer_to uuid) returns void; plpgsql volatile set search_path=""; body effaad62; grants none
function app.try_lock_asset(p_asset_id uuid) returns boolean; sql volatile set search_path=""; body 03c9a82f; grants none
function app.try_lock_person(p_organization_id uuid, p_user_id uuid) returns boolean; sql volatile set search_path=""; body e054ce92; grants none
function app.turnaround(p_minutes integer) returns interval; sql immutable; body 2895ba24; grants none
function app.url_errors(p_path text, p_value text) returns jsonb; sql immutable set search_path=""; body 18a1ae65; grants none
function app.utc(p_time timestamp with time zone) returns text; sql stable; body 3e8a5ac0; grants none
function app.utilization_json(p_bookings integer, p_hours numeric, p_days integer, p_nights integer, p_maintenance_hours numeric, p_capacity_hours numeric) returns jsonb; sql immutable set search_path=""; body 7f8a39bd; grants none
function app.utilization_rows(p_organization_id uuid, p_from timestamp with time zone, p_to timestamp with time zone, p_group_by text, p_section public.asset_section) returns TABLE(key text, label text, bookings integer, hours numeric, days integer, nights integer, maintenance_hours numeric, capacity_hours numeric); sql stable set search_path=""; body d42eea8b; grants none
function app.uuid_fault(p_record jsonb, p_name text) returns text; sql stable; body 63782812; grants none
function app.value_error(p_path text, p_value jsonb, p_kind text, p_least bigint, p_most bigint, p_pattern text, p_choices text[], p_example text) returns jsonb; plpgsql stable set search_path=""; body d83184df; grants none
function app.value_errors(p_subject text, p_object jsonb, p_path text DEFAULT NULL::text) returns jsonb; plpgsql stable set search_path=""; body 3f5a9818; grants none
function app.violation(p_rule_type text, p_finding jsonb, p_effect text DEFAULT 'deny'::text, p_rule_id uuid DEFAULT NULL::uuid, p_rule_name text DEFAULT NULL::text, p_rule_version integer DEFAULT NULL::integer, p_overridable boolean DEFAULT false) returns jsonb; sql immutable set search_path=""; body 28ac8f2d; grants none
function app.visible_asset(p_asset_id uuid) returns public.assets; plpgsql stable security definer set search_path=""; body d2857cb6; grants none
function app.visible_maintenance(p_maintenance_id uuid) returns public.maintenance_windows; plpgsql stable set search_path=""; body 34bd0c8c; grants none
function app.visible_reservation(p_reservation_id uuid) returns public.reservations; plpgsql stable set search_path=""; body ca4f0f3d; grants none
function app.visible_sections(p_organization_id uuid) returns public.asset_section[]; plpgsql stable security definer set search_path=""; body 799be0ee; grants execute to authenticated
function app.visible_series(p_series_id uuid) returns public.reservation_series; plpgsql stable set search_path=""; body 985eaf14; grants none
function app.visible_waitlist_entry(p_entry_id uuid) returns public.waitlist_entries; plpgsql stable set search_path=""; body e74a2794; grants none
function app.void_approvals(p_reservation_id uuid) returns void; plpgsql volatile set search_path=""; body 4db5a39f; grants none
function app.waiting_problem(p_chain_id uuid) returns jsonb; plpgsql stable set search_path="", enable_seqscan=off; body e92c09f8; grants none
function app.waitlist_json(p_row public.waitlist_entries) returns jsonb; plpgsql stable set search_path=""; body 70f760a0; grants none
function app.waitlist_violations(p_entry public.waitlist_entries, p_asset public.assets) returns jsonb; plpgsql stable set search_path=""; body e396eaf0; grants none
function app.waits_for_caller(p_request public.approval_requests) returns boolean; sql stable set search_path=""; body e93e582b; grants none
function app.weigh(p_case app.booking_case, p_override jsonb DEFAULT NULL::jsonb, p_ignore_others boolean DEFAULT false) returns app.verdict; plpgsql stable set search_path=""; body 554cba4b; grants none
function app.whole_errors(p_subject text, p_object jsonb) returns jsonb; plpgsql immutable set search_path=""; body af7603f1; grants none
function app.write_requests(p_records jsonb[]) returns integer; plpgsql volatile set search_path=""; body 9c1b8de6; grants none
function public.accept_invitation(p_token text) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 8f8de73c; grants execute to authenticated
function public.accept_waitlist_offer(p_entry_id uuid, p_title text DEFAULT NULL::text, p_guest_count integer DEFAULT NULL::integer, p_notes text DEFAULT NULL::text, p_idempotency_key text DEFAULT NULL::text) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 980756e1; grants execute to authenticated
function public.asset_availability(p_asset_id uuid, p_start_date timestamp with time zone, p_end_date timestamp with time zone, p_exclude_reservation_id uuid DEFAULT NULL::uuid) returns jsonb; plpgsql stable security definer set search_path=""; body 1f5b82f7; grants execute to authenticated
function public.audit_backlog() returns jsonb; sql stable security definer set search_path=""; body 1afbab94; grants execute to service_role
function public.audit_chain_head(p_organization_id uuid) returns jsonb; plpgsql stable security definer set search_path=""; body 73763586; grants execute to authenticated, execute to service_role
function public.bulk_assets(p_organization_id uuid, p_mode text, p_operations jsonb, p_idempotency_key text DEFAULT NULL::text) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body c4411385; grants execute to authenticated
function public.calendar(p_organization_id uuid, p_from timestamp with time zone, p_to timestamp with time zone, p_asset_ids uuid[] DEFAULT NULL::uuid[], p_section public.asset_section DEFAULT NULL::public.asset_section) returns jsonb; plpgsql stable security definer set search_path=""; body bae42eec; grants execute to authenticated
function public.cancel_maintenance(p_maintenance_id uuid, p_reason text DEFAULT NULL::text, p_expected_version integer DEFAULT NULL::integer) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 81935221; grants execute to authenticated
function public.cancel_reservation(p_reservation_id uuid, p_reason text DEFAULT NULL::text, p_expected_version integer DEFAULT NULL::integer, p_idempotency_key text DEFAULT NULL::text) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 27350cbf; grants execute to authenticated
function public.cancel_series(p_series_id uuid, p_scope text, p_from timestamp with time zone DEFAULT NULL::timestamp with time zone, p_reason text DEFAULT NULL::text, p_expected_version integer DEFAULT NULL::integer, p_idempotency_key text DEFAULT NULL::text) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 52eb2f76; grants execute to authenticated
function public.check_availability(p_asset_id uuid, p_start_date timestamp with time zone, p_end_date timestamp with time zone, p_exclude_reservation_id uuid DEFAULT NULL::uuid) returns TABLE(is_available boolean, conflicting_reservations jsonb); plpgsql stable security definer set search_path=""; body cb17a63e; grants execute to authenticated
function public.complete_reservations() returns integer; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 01120339; grants execute to service_role
function public.create_approval_delegation(p_organization_id uuid, p_delegate_id uuid, p_ends_at timestamp with time zone, p_starts_at timestamp with time zone DEFAULT NULL::timestamp with time zone, p_idempotency_key text DEFAULT NULL::text) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 4ef16606; grants execute to authenticated
function public.create_blackout(p_organization_id uuid, p_blackout jsonb) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body bc6ca91d; grants execute to authenticated
function public.create_hold(p_asset_id uuid, p_start_date timestamp with time zone, p_end_date timestamp with time zone) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body c8972121; grants execute to authenticated
function public.create_holiday(p_organization_id uuid, p_holiday jsonb) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body c5fee7fd; grants execute to authenticated
function public.create_invitation(p_organization_id uuid, p_invitation jsonb) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body a4263015; grants execute to authenticated
function public.create_maintenance(p_asset_id uuid, p_title text, p_start_date timestamp with time zone, p_end_date timestamp with time zone, p_resolution text DEFAULT NULL::text, p_reason text DEFAULT NULL::text, p_idempotency_key text DEFAULT NULL::text) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body d5f7e693; grants execute to authenticated
function public.create_organization(p_organization jsonb) returns jsonb; plpgsql volatile security definer set search_path=""; body e2cce370; grants execute to authenticated
function public.create_reservation(p_asset_id uuid, p_title text, p_start_date timestamp with time zone, p_end_date timestamp with time zone, p_guest_count integer DEFAULT NULL::integer, p_notes text DEFAULT NULL::text, p_metadata jsonb DEFAULT NULL::jsonb, p_guests jsonb DEFAULT NULL::jsonb, p_idempotency_key text DEFAULT NULL::text, p_override jsonb DEFAULT NULL::jsonb, p_hold_id uuid DEFAULT NULL::uuid, p_displace boolean DEFAULT false) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 59f86005; grants execute to authenticated
function public.create_rule(p_organization_id uuid, p_rule jsonb) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 94a87c22; grants execute to authenticated
function public.create_series(p_asset_id uuid, p_title text, p_start_date timestamp with time zone, p_end_date timestamp with time zone, p_rrule text, p_on_conflict text DEFAULT 'all_or_nothing'::text, p_exdates timestamp with time zone[] DEFAULT NULL::timestamp with time zone[], p_guest_count integer DEFAULT NULL::integer, p_notes text DEFAULT NULL::text, p_metadata jsonb DEFAULT NULL::jsonb, p_guests jsonb DEFAULT NULL::jsonb, p_override jsonb DEFAULT NULL::jsonb, p_idempotency_key text DEFAULT NULL::text) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 3b7dfbf5; grants execute to authenticated
function public.create_tier(p_organization_id uuid, p_tier jsonb) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 67ba9d18; grants execute to authenticated
function public.decide_reservation(p_reservation_id uuid, p_decision text, p_notes text DEFAULT NULL::text, p_rule_id uuid DEFAULT NULL::uuid, p_idempotency_key text DEFAULT NULL::text) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 4c43ae3f; grants execute to authenticated
function public.delete_approval_delegation(p_delegation_id uuid) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body dbce01b8; grants execute to authenticated
function public.delete_blackout(p_organization_id uuid, p_blackout_id uuid, p_expected_version integer DEFAULT NULL::integer) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 66c12607; grants execute to authenticated
function public.delete_holiday(p_organization_id uuid, p_holiday_id uuid, p_expected_version integer DEFAULT NULL::integer) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 7e8591ba; grants execute to authenticated
function public.delete_organization(p_organization_id uuid, p_expected_version integer DEFAULT NULL::integer) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body efc6b5ae; grants execute to authenticated
function public.delete_rule(p_organization_id uuid, p_rule_id uuid, p_expected_version integer DEFAULT NULL::integer) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 42485b64; grants execute to authenticated
function public.delete_tier(p_organization_id uuid, p_tier_id uuid, p_expected_version integer DEFAULT NULL::integer) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 8e25a4c5; grants execute to authenticated
function public.events_since(p_requests jsonb, p_limit integer DEFAULT 500) returns jsonb; plpgsql stable security definer set search_path=""; body a524b258; grants execute to service_role
function public.expire_approvals(p_limit integer DEFAULT 100) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=2s; body 9f7a02cc; grants execute to service_role
function public.expire_holds() returns integer; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 1d822dbe; grants execute to service_role
function public.export_audit_logs(p_organization_id uuid, p_user_id uuid DEFAULT NULL::uuid, p_action text DEFAULT NULL::text, p_resource_type text DEFAULT NULL::text, p_resource_id uuid DEFAULT NULL::uuid, p_request_id text DEFAULT NULL::text, p_from timestamp with time zone DEFAULT NULL::timestamp with time zone, p_to timestamp with time zone DEFAULT NULL::timestamp with time zone, p_export_id uuid DEFAULT NULL::uuid, p_after bigint DEFAULT 0) returns jsonb; plpgsql volatile security definer set search_path="", plan_cache_mode=force_custom_plan; body b602c822; grants execute to authenticated
function public.get_maintenance(p_maintenance_id uuid) returns jsonb; plpgsql stable security definer set search_path=""; body 98b7196d; grants execute to authenticated
function public.get_organization(p_organization_id uuid) returns jsonb; plpgsql stable security definer set search_path=""; body ebecade2; grants execute to authenticated
function public.get_reservation(p_reservation_id uuid) returns jsonb; plpgsql stable security definer set search_path=""; body 0f54663e; grants execute to authenticated
function public.get_series(p_series_id uuid) returns jsonb; plpgsql stable security definer set search_path=""; body 650324b9; grants execute to authenticated
function public.join_waitlist(p_organization_id uuid, p_asset_id uuid, p_title text, p_start_date timestamp with time zone, p_end_date timestamp with time zone, p_guest_count integer DEFAULT NULL::integer, p_idempotency_key text DEFAULT NULL::text) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 319d00eb; grants execute to authenticated
function public.leave_waitlist(p_entry_id uuid) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 5a7faf09; grants execute to authenticated
function public.list_approval_delegations(p_organization_id uuid) returns jsonb; plpgsql stable security definer set search_path=""; body 4dadd2fe; grants execute to authenticated
function public.list_approvals(p_organization_id uuid, p_scope text DEFAULT 'mine'::text, p_status text DEFAULT NULL::text, p_limit integer DEFAULT 50, p_offset integer DEFAULT 0) returns jsonb; plpgsql stable security definer set search_path=""; body 6abc31eb; grants execute to authenticated
function public.list_audit_logs(p_organization_id uuid, p_user_id uuid DEFAULT NULL::uuid, p_action text DEFAULT NULL::text, p_resource_type text DEFAULT NULL::text, p_resource_id uuid DEFAULT NULL::uuid, p_request_id text DEFAULT NULL::text, p_from timestamp with time zone DEFAULT NULL::timestamp with time zone, p_to timestamp with time zone DEFAULT NULL::timestamp with time zone, p_cursor text DEFAULT NULL::text, p_limit integer DEFAULT 50) returns jsonb; plpgsql stable security definer set search_path="", plan_cache_mode=force_custom_plan; body 809576fe; grants execute to authenticated
function public.list_blackouts(p_organization_id uuid, p_from date DEFAULT NULL::date, p_to date DEFAULT NULL::date, p_tier_id uuid DEFAULT NULL::uuid, p_asset_id uuid DEFAULT NULL::uuid, p_page integer DEFAULT 1, p_page_size integer DEFAULT 50) returns jsonb; plpgsql stable security definer set search_path=""; body a808997a; grants execute to authenticated
function public.list_holidays(p_organization_id uuid, p_page integer DEFAULT 1, p_page_size integer DEFAULT 50) returns jsonb; plpgsql stable security definer set search_path=""; body dfc710ba; grants execute to authenticated
function public.list_invitations(p_organization_id uuid, p_status text DEFAULT NULL::text, p_page integer DEFAULT 1, p_page_size integer DEFAULT 50) returns jsonb; plpgsql stable security definer set search_path=""; body cf9fe279; grants execute to authenticated
function public.list_members(p_organization_id uuid, p_role public.member_role DEFAULT NULL::public.member_role, p_tier_id uuid DEFAULT NULL::uuid, p_page integer DEFAULT 1, p_page_size integer DEFAULT 50) returns jsonb; plpgsql stable security definer set search_path=""; body 08a0a8ba; grants execute to authenticated
function public.list_reservations(p_organization_id uuid, p_asset_id uuid DEFAULT NULL::uuid, p_user_id uuid DEFAULT NULL::uuid, p_status text[] DEFAULT NULL::text[], p_from timestamp with time zone DEFAULT NULL::timestamp with time zone, p_to timestamp with time zone DEFAULT NULL::timestamp with time zone, p_q text DEFAULT NULL::text, p_sort text DEFAULT 'start_date'::text, p_page integer DEFAULT 1, p_page_size integer DEFAULT 50) returns jsonb; plpgsql stable security definer set search_path="", plan_cache_mode=force_custom_plan; body 7a8100e9; grants execute to authenticated
function public.list_rules(p_organization_id uuid, p_tier_id uuid DEFAULT NULL::uuid, p_asset_id uuid DEFAULT NULL::uuid, p_rule_type public.rule_type DEFAULT NULL::public.rule_type, p_is_active boolean DEFAULT NULL::boolean, p_page integer DEFAULT 1, p_page_size integer DEFAULT 50) returns jsonb; plpgsql stable security definer set search_path=""; body 5dd194b6; grants execute to authenticated
function public.list_tiers(p_organization_id uuid, p_page integer DEFAULT 1, p_page_size integer DEFAULT 50) returns jsonb; plpgsql stable security definer set search_path=""; body 9a388f50; grants execute to authenticated
function public.list_waitlist(p_organization_id uuid, p_scope text DEFAULT 'mine'::text, p_asset_id uuid DEFAULT NULL::uuid, p_status text DEFAULT NULL::text, p_page integer DEFAULT 1, p_page_size integer DEFAULT 50) returns jsonb; plpgsql stable security definer set search_path=""; body 983131c8; grants execute to authenticated
function public.me() returns jsonb; plpgsql stable security definer set search_path=""; body e8f1e73c; grants execute to authenticated
function public.member_directory(p_organization_id uuid) returns jsonb; plpgsql stable security definer set search_path=""; body 59dccafd; grants execute to authenticated
function public.offer_waitlist() returns integer; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 9d19c035; grants execute to service_role
function public.organization_stats(p_organization_id uuid) returns jsonb; plpgsql stable security definer set search_path=""; body 6a84815c; grants execute to authenticated
function public.plan_photo_upload(p_asset_id uuid, p_content_type text, p_size integer) returns jsonb; plpgsql stable security definer set search_path=""; body bbaff242; grants execute to authenticated
function public.preview_reservation(p_asset_id uuid, p_title text, p_start_date timestamp with time zone, p_end_date timestamp with time zone, p_guest_count integer DEFAULT NULL::integer, p_notes text DEFAULT NULL::text, p_metadata jsonb DEFAULT NULL::jsonb, p_guests jsonb DEFAULT NULL::jsonb, p_override jsonb DEFAULT NULL::jsonb, p_hold_id uuid DEFAULT NULL::uuid, p_displace boolean DEFAULT false) returns jsonb; plpgsql stable security definer set search_path=""; body e7b92826; grants execute to authenticated
function public.prune_calendar_events() returns integer; plpgsql volatile security definer set search_path=""; body 2ecfaaff; grants execute to service_role
function public.record_requests(p_records json) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body d58afaa8; grants execute to service_role
function public.refresh_organization_stats() returns timestamp with time zone; plpgsql volatile security definer set search_path="", lock_timeout=30s; body 3c2b7bce; grants execute to service_role
function public.release_hold(p_hold_id uuid) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body fdd116ba; grants execute to authenticated
function public.remove_member(p_organization_id uuid, p_user_id uuid, p_future_bookings text DEFAULT NULL::text, p_transfer_to uuid DEFAULT NULL::uuid, p_expected_version integer DEFAULT NULL::integer) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body e4ba272f; grants execute to authenticated
function public.restore_organization(p_organization_id uuid) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 24088740; grants execute to authenticated
function public.restore_reservation(p_reservation_id uuid, p_idempotency_key text DEFAULT NULL::text) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body c95145aa; grants execute to authenticated
function public.revoke_invitation(p_organization_id uuid, p_invitation_id uuid) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 99fe1680; grants execute to authenticated
function public.seal_audit_logs(p_limit integer DEFAULT 100000) returns integer; plpgsql volatile security definer set search_path="", lock_timeout=500ms; body 974f4f5b; grants execute to service_role
function public.search_assets(p_organization_id uuid, p_q text DEFAULT NULL::text, p_section public.asset_section DEFAULT NULL::public.asset_section, p_status text DEFAULT NULL::text, p_capacity_min integer DEFAULT NULL::integer, p_free_from timestamp with time zone DEFAULT NULL::timestamp with time zone, p_free_to timestamp with time zone DEFAULT NULL::timestamp with time zone, p_details jsonb DEFAULT NULL::jsonb, p_sort text DEFAULT NULL::text, p_page integer DEFAULT 1, p_page_size integer DEFAULT 50) returns jsonb; plpgsql stable security definer set search_path="", plan_cache_mode=force_custom_plan; body 2dadb83b; grants execute to authenticated
function public.stream_grants(p_requests jsonb) returns jsonb; plpgsql volatile security definer set search_path=""; body 01fe4f44; grants execute to service_role
function public.update_blackout(p_organization_id uuid, p_blackout_id uuid, p_changes jsonb, p_expected_version integer DEFAULT NULL::integer) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body e12e2e21; grants execute to authenticated
function public.update_holiday(p_organization_id uuid, p_holiday_id uuid, p_changes jsonb, p_expected_version integer DEFAULT NULL::integer) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 8a71c3ca; grants execute to authenticated
function public.update_maintenance(p_maintenance_id uuid, p_changes jsonb, p_expected_version integer DEFAULT NULL::integer) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 2e503374; grants execute to authenticated
function public.update_member(p_organization_id uuid, p_user_id uuid, p_changes jsonb, p_expected_version integer DEFAULT NULL::integer) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body c436a33a; grants execute to authenticated
function public.update_organization(p_organization_id uuid, p_changes jsonb, p_expected_version integer DEFAULT NULL::integer) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=2s; body 5d13280b; grants execute to authenticated
function public.update_reservation(p_reservation_id uuid, p_changes jsonb, p_expected_version integer DEFAULT NULL::integer, p_override jsonb DEFAULT NULL::jsonb) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 49ec2311; grants execute to authenticated
function public.update_rule(p_organization_id uuid, p_rule_id uuid, p_changes jsonb, p_expected_version integer DEFAULT NULL::integer) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 89b98c95; grants execute to authenticated
function public.update_series(p_series_id uuid, p_changes jsonb, p_scope text, p_from timestamp with time zone DEFAULT NULL::timestamp with time zone, p_expected_version integer DEFAULT NULL::integer, p_idempotency_key text DEFAULT NULL::text) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body 87f7be53; grants execute to authenticated
function public.update_tier(p_organization_id uuid, p_tier_id uuid, p_changes jsonb, p_expected_version integer DEFAULT NULL::integer) returns jsonb; plpgsql volatile security definer set search_path="", lock_timeout=5s; body a9f138f9; grants execute to authenticated
function public.utilization_report(p_organization_id uuid, p_from timestamp with time zone, p_to timestamp with time zone, p_group_by text DEFAULT 'asset'::text, p_section public.asset_section DEFAULT NULL::public.asset_section) returns jsonb; plpgsql stable security definer set search_path=""; body 63bb27cb; grants execute to authenticated
function public.verify_audit_chain(p_organization_id uuid, p_known_head jsonb DEFAULT NULL::jsonb, p_from bigint DEFAULT 1, p_limit integer DEFAULT 25000) returns jsonb; plpgsql volatile security definer set search_path=""; body 18ad55e9; grants execute to authenticated, execute to service_role

-- triggers
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON app.audit_chain FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_audit_change()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON app.feature_flags FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON app.feature_flags FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON app.feature_flags FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER zz_touch BEFORE UPDATE ON app.feature_flags FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.touch()
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.occupancy FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
CREATE TRIGGER announce_access_on_lower_level AFTER UPDATE OF aal ON auth.sessions FOR EACH ROW WHEN ((new.aal < old.aal)) EXECUTE FUNCTION app.announce_lowered_session()
CREATE TRIGGER announce_access_on_sign_out AFTER DELETE ON auth.sessions REFERENCING OLD TABLE AS ended FOR EACH STATEMENT EXECUTE FUNCTION app.announce_ended_sessions()
CREATE TRIGGER follow_email AFTER UPDATE OF email ON auth.users FOR EACH ROW WHEN (((old.email)::text IS DISTINCT FROM (new.email)::text)) EXECUTE FUNCTION app.follow_email()
CREATE TRIGGER profile_new_user AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION app.profile_new_user()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.approval_delegations FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.approval_delegations FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.approval_delegations FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.approval_requests FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.approval_requests FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.approval_requests FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER complete BEFORE INSERT OR UPDATE OF organization_id, reservation_id ON public.approval_requests FOR EACH ROW EXECUTE FUNCTION app.complete_approval_request()
CREATE TRIGGER zz_touch BEFORE UPDATE ON public.approval_requests FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.touch()
CREATE TRIGGER "0_source_exists" AFTER INSERT OR UPDATE OF asset_id, organization_id, path ON public.asset_photos FOR EACH ROW EXECUTE FUNCTION app.check_photo_source()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.asset_photos FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.asset_photos FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.asset_photos FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER fields_are_valid BEFORE INSERT OR UPDATE ON public.asset_photos FOR EACH ROW EXECUTE FUNCTION app.check_photo()
CREATE TRIGGER limit_photos AFTER INSERT OR UPDATE OF asset_id ON public.asset_photos FOR EACH ROW EXECUTE FUNCTION app.limit_photos()
CREATE TRIGGER zz_touch BEFORE UPDATE ON public.asset_photos FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.touch()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.assets FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.assets FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.assets FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER announce_access_on_section AFTER UPDATE OF section ON public.assets FOR EACH ROW WHEN ((old.section <> new.section)) EXECUTE FUNCTION app.announce_organization_access('organization_id')
CREATE TRIGGER cancel_maintenance AFTER UPDATE OF deleted_at ON public.assets FOR EACH ROW WHEN (((old.deleted_at IS NULL) AND (new.deleted_at IS NOT NULL))) EXECUTE FUNCTION app.cancel_maintenance_of_archived_asset()
CREATE TRIGGER document_of_changed AFTER UPDATE OF name, description, details ON public.assets FOR EACH ROW WHEN ((((old.name IS DISTINCT FROM new.name) OR (old.description IS DISTINCT FROM new.description)) OR (old.details IS DISTINCT FROM new.details))) EXECUTE FUNCTION app.keep_asset_document()
CREATE TRIGGER document_of_new AFTER INSERT ON public.assets FOR EACH ROW EXECUTE FUNCTION app.keep_asset_document()
CREATE TRIGGER end_waiting AFTER UPDATE OF deleted_at ON public.assets FOR EACH ROW WHEN (((old.deleted_at IS NULL) AND (new.deleted_at IS NOT NULL))) EXECUTE FUNCTION app.end_waiting_for_asset()
CREATE TRIGGER fields_are_valid BEFORE INSERT OR UPDATE ON public.assets FOR EACH ROW EXECUTE FUNCTION app.check_asset()
CREATE TRIGGER log_before_asset_goes BEFORE DELETE ON public.assets FOR EACH ROW EXECUTE FUNCTION app.log_before_asset_goes()
CREATE TRIGGER refuse_archiving_booked BEFORE UPDATE OF deleted_at ON public.assets FOR EACH ROW WHEN (((old.deleted_at IS NULL) AND (new.deleted_at IS NOT NULL))) EXECUTE FUNCTION app.refuse_archiving_booked_asset()
CREATE TRIGGER section_is_entitled_on_insert AFTER INSERT ON public.assets FOR EACH ROW EXECUTE FUNCTION app.check_entitlement()
CREATE TRIGGER section_is_entitled_on_update AFTER UPDATE OF section, organization_id, deleted_at ON public.assets FOR EACH ROW WHEN (((old.section <> new.section) OR (old.organization_id <> new.organization_id) OR ((old.deleted_at IS NOT NULL) AND (new.deleted_at IS NULL)))) EXECUTE FUNCTION app.check_entitlement()
CREATE TRIGGER zz_touch BEFORE UPDATE ON public.assets FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.touch()
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_logs FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_audit_change()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.blackout_dates FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.blackout_dates FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.blackout_dates FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER blackout_is_of_the_organization AFTER INSERT OR UPDATE OF tier_id, asset_id, organization_id ON public.blackout_dates FOR EACH ROW EXECUTE FUNCTION app.check_references('tier_id', 'asset_id')
CREATE TRIGGER fields_are_valid BEFORE INSERT OR UPDATE ON public.blackout_dates FOR EACH ROW EXECUTE FUNCTION app.check_fields('blackout')
CREATE TRIGGER zz_touch BEFORE UPDATE ON public.blackout_dates FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.touch()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.entitlements FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.entitlements FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.entitlements FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER version_counts_entitlements AFTER INSERT OR DELETE OR UPDATE ON public.entitlements FOR EACH ROW EXECUTE FUNCTION app.count_subscription_change()
CREATE TRIGGER zz_touch BEFORE UPDATE ON public.entitlements FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.touch()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.holidays FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.holidays FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.holidays FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER fields_are_valid BEFORE INSERT OR UPDATE ON public.holidays FOR EACH ROW EXECUTE FUNCTION app.check_fields('holiday')
CREATE TRIGGER keep_used_holiday BEFORE DELETE ON public.holidays FOR EACH ROW EXECUTE FUNCTION app.keep_used_holiday()
CREATE TRIGGER zz_touch BEFORE UPDATE ON public.holidays FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.touch()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.invitations FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{email,message}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.invitations FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{email,message}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.invitations FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER zz_touch BEFORE UPDATE ON public.invitations FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.touch()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.maintenance_windows FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.maintenance_windows FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.maintenance_windows FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE CONSTRAINT TRIGGER bookings_are_canceled AFTER INSERT OR UPDATE ON public.maintenance_windows DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (((new.status = 'scheduled'::text) AND (new.resolution = 'cancel'::text))) EXECUTE FUNCTION app.check_maintenance_canceled()
CREATE TRIGGER events_1_noted AFTER INSERT OR DELETE OR UPDATE ON public.maintenance_windows FOR EACH ROW EXECUTE FUNCTION app.note_event()
CREATE CONSTRAINT TRIGGER events_2_logged AFTER INSERT OR DELETE OR UPDATE ON public.maintenance_windows DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.log_maintenance_event()
CREATE TRIGGER keep_identity BEFORE UPDATE OF id, organization_id ON public.maintenance_windows FOR EACH ROW EXECUTE FUNCTION app.keep_maintenance_identity()
CREATE TRIGGER lock_asset BEFORE INSERT ON public.maintenance_windows FOR EACH ROW EXECUTE FUNCTION app.lock_maintenance_asset()
CREATE TRIGGER occupancy_deleted AFTER DELETE ON public.maintenance_windows FOR EACH ROW EXECUTE FUNCTION app.keep_maintenance_occupancy()
CREATE TRIGGER occupancy_inserted AFTER INSERT ON public.maintenance_windows FOR EACH ROW EXECUTE FUNCTION app.keep_maintenance_occupancy()
CREATE TRIGGER occupancy_moved AFTER UPDATE ON public.maintenance_windows FOR EACH ROW WHEN ((((((old.asset_id IS DISTINCT FROM new.asset_id) OR (old.start_date IS DISTINCT FROM new.start_date)) OR (old.end_date IS DISTINCT FROM new.end_date)) OR (old.status IS DISTINCT FROM new.status)) OR (old.resolution IS DISTINCT FROM new.resolution))) EXECUTE FUNCTION app.keep_maintenance_occupancy()
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.maintenance_windows FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
CREATE TRIGGER zz_touch BEFORE UPDATE ON public.maintenance_windows FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.touch()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.organization_members FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.organization_members FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.organization_members FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER announce_access_on_change AFTER UPDATE ON public.organization_members FOR EACH ROW WHEN (((((old.organization_id IS DISTINCT FROM new.organization_id) OR (old.user_id IS DISTINCT FROM new.user_id)) OR (old.role IS DISTINCT FROM new.role)) OR (old.tier_id IS DISTINCT FROM new.tier_id))) EXECUTE FUNCTION app.announce_member_access()
CREATE TRIGGER announce_access_on_join_or_leave AFTER INSERT OR DELETE ON public.organization_members FOR EACH ROW EXECUTE FUNCTION app.announce_member_access()
CREATE TRIGGER end_waiting AFTER DELETE ON public.organization_members FOR EACH ROW EXECUTE FUNCTION app.end_waiting_of_member()
CREATE TRIGGER keep_last_owner_on_delete AFTER DELETE ON public.organization_members FOR EACH ROW WHEN ((old.role = 'owner'::public.member_role)) EXECUTE FUNCTION app.keep_last_owner()
CREATE TRIGGER keep_last_owner_on_update AFTER UPDATE OF role, organization_id ON public.organization_members FOR EACH ROW WHEN (((old.role = 'owner'::public.member_role) AND ((new.role <> 'owner'::public.member_role) OR (new.organization_id <> old.organization_id)))) EXECUTE FUNCTION app.keep_last_owner()
CREATE TRIGGER keep_members_with_bookings_on_delete BEFORE DELETE ON public.organization_members FOR EACH ROW EXECUTE FUNCTION app.keep_members_with_bookings()
CREATE TRIGGER keep_members_with_bookings_on_move BEFORE UPDATE OF organization_id, user_id ON public.organization_members FOR EACH ROW WHEN (((old.organization_id IS DISTINCT FROM new.organization_id) OR (old.user_id IS DISTINCT FROM new.user_id))) EXECUTE FUNCTION app.keep_members_with_bookings()
CREATE TRIGGER recheck_approver_on_change AFTER UPDATE ON public.organization_members FOR EACH ROW WHEN (((((old.organization_id IS DISTINCT FROM new.organization_id) OR (old.user_id IS DISTINCT FROM new.user_id)) OR (old.role IS DISTINCT FROM new.role)) OR (old.tier_id IS DISTINCT FROM new.tier_id))) EXECUTE FUNCTION app.recheck_member_as_approver()
CREATE TRIGGER recheck_approver_on_delete AFTER DELETE ON public.organization_members FOR EACH ROW EXECUTE FUNCTION app.recheck_member_as_approver()
CREATE TRIGGER remember_member AFTER INSERT OR UPDATE OF organization_id, user_id ON public.organization_members FOR EACH ROW EXECUTE FUNCTION app.remember_member()
CREATE TRIGGER revoke_invitations_on_delete AFTER DELETE ON public.organization_members FOR EACH ROW WHEN ((old.role <= 'admin'::public.member_role)) EXECUTE FUNCTION app.revoke_invitations_of_former_admin()
CREATE TRIGGER revoke_invitations_on_update AFTER UPDATE OF role, organization_id, user_id ON public.organization_members FOR EACH ROW WHEN (((old.role <= 'admin'::public.member_role) AND ((new.role > 'admin'::public.member_role) OR ((new.organization_id <> old.organization_id) OR (new.user_id <> old.user_id))))) EXECUTE FUNCTION app.revoke_invitations_of_former_admin()
CREATE TRIGGER zz_touch BEFORE UPDATE ON public.organization_members FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.touch()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.organizations FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', 'id', '{}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.organizations FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('id', 'id', '{}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.organizations FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER announce_access_on_closing AFTER UPDATE OF is_active, deleted_at, require_mfa ON public.organizations FOR EACH ROW WHEN ((((old.is_active IS DISTINCT FROM new.is_active) OR (old.deleted_at IS DISTINCT FROM new.deleted_at)) OR (old.require_mfa IS DISTINCT FROM new.require_mfa))) EXECUTE FUNCTION app.announce_organization_access('id')
CREATE TRIGGER open_event_log AFTER INSERT ON public.organizations FOR EACH ROW EXECUTE FUNCTION app.open_event_log()
CREATE TRIGGER time_zone_exists AFTER INSERT OR UPDATE OF timezone ON public.organizations FOR EACH ROW EXECUTE FUNCTION app.check_time_zone()
CREATE TRIGGER zz_touch BEFORE UPDATE ON public.organizations FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.touch()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.profiles FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', '', '{email,first_name,last_name,phone,avatar_url}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.profiles FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('id', '', '{email,first_name,last_name,phone,avatar_url}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.profiles FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER end_waiting BEFORE DELETE ON public.profiles FOR EACH ROW EXECUTE FUNCTION app.end_waiting_of_deleted_person()
CREATE TRIGGER fields_are_valid BEFORE UPDATE OF first_name, last_name, phone, avatar_url, timezone, locale ON public.profiles FOR EACH ROW EXECUTE FUNCTION app.check_fields('profile')
CREATE TRIGGER release_bookings BEFORE DELETE ON public.profiles FOR EACH ROW EXECUTE FUNCTION app.release_bookings_of_deleted_person()
CREATE TRIGGER revoke_invitations BEFORE DELETE ON public.profiles FOR EACH ROW EXECUTE FUNCTION app.revoke_invitations_of_deleted_person()
CREATE TRIGGER time_zone_exists AFTER INSERT OR UPDATE OF timezone ON public.profiles FOR EACH ROW EXECUTE FUNCTION app.check_time_zone()
CREATE TRIGGER withdraw_approver BEFORE DELETE ON public.profiles FOR EACH ROW EXECUTE FUNCTION app.drop_deleted_approver()
CREATE TRIGGER zz_touch BEFORE UPDATE ON public.profiles FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.touch()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.reservation_details FOR EACH ROW EXECUTE FUNCTION app.audit_row('reservation_id', 'reservation_id', '{notes,metadata}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.reservation_details FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('reservation_id', 'reservation_id', '{notes,metadata}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.reservation_details FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER version_counts_details AFTER INSERT OR DELETE OR UPDATE ON public.reservation_details FOR EACH ROW EXECUTE FUNCTION app.count_details_change()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.reservation_guests FOR EACH ROW EXECUTE FUNCTION app.audit_row('reservation_id', 'reservation_id', '{name,email}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.reservation_guests FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('reservation_id', 'reservation_id', '{name,email}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.reservation_guests FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER version_counts_guests AFTER INSERT OR DELETE OR UPDATE ON public.reservation_guests FOR EACH ROW EXECUTE FUNCTION app.count_details_change()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.reservation_series FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.reservation_series FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.reservation_series FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER zz_touch BEFORE UPDATE ON public.reservation_series FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.touch()
CREATE TRIGGER "Audit_1_delete" AFTER DELETE ON public.reservations FOR EACH ROW WHEN ((old.status <> 'hold'::public.reservation_status)) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_1_insert" AFTER INSERT ON public.reservations FOR EACH ROW WHEN ((new.status <> 'hold'::public.reservation_status)) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.reservations FOR EACH ROW WHEN (((old.status <> 'hold'::public.reservation_status) AND (old.* IS DISTINCT FROM new.*))) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_2_born" AFTER UPDATE ON public.reservations FOR EACH ROW WHEN (((old.status = 'hold'::public.reservation_status) AND (new.status <> 'hold'::public.reservation_status))) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}', 'born')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.reservations FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER approvals_end_or_follow AFTER UPDATE OF status, user_id ON public.reservations FOR EACH ROW WHEN (((old.status = 'pending'::public.reservation_status) AND ((old.status IS DISTINCT FROM new.status) OR (old.user_id IS DISTINCT FROM new.user_id)))) EXECUTE FUNCTION app.follow_reservation_with_approvals()
CREATE TRIGGER bound_hold BEFORE INSERT OR UPDATE ON public.reservations FOR EACH ROW WHEN (((new.status = 'hold'::public.reservation_status) IS DISTINCT FROM (new.hold_expires_at IS NOT NULL))) EXECUTE FUNCTION app.bound_hold()
CREATE TRIGGER end_offer BEFORE DELETE ON public.reservations FOR EACH ROW WHEN ((old.status = 'hold'::public.reservation_status)) EXECUTE FUNCTION app.end_offer_of_hold()
CREATE TRIGGER events_1_noted AFTER INSERT OR DELETE OR UPDATE ON public.reservations FOR EACH ROW EXECUTE FUNCTION app.note_event()
CREATE CONSTRAINT TRIGGER events_2_logged AFTER INSERT OR DELETE OR UPDATE ON public.reservations DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.log_event()
CREATE TRIGGER keep_identity BEFORE UPDATE OF id, organization_id ON public.reservations FOR EACH ROW EXECUTE FUNCTION app.keep_reservation_identity()
CREATE TRIGGER occupancy_1_released AFTER UPDATE ON public.reservations REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION app.release_occupancy()
CREATE TRIGGER occupancy_2_moved AFTER UPDATE ON public.reservations REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION app.keep_occupancy()
CREATE TRIGGER occupancy_3_refilled AFTER UPDATE ON public.reservations REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION app.refill_released()
CREATE TRIGGER occupancy_deleted AFTER DELETE ON public.reservations REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION app.release_occupancy()
CREATE TRIGGER occupancy_inserted AFTER INSERT ON public.reservations REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION app.keep_occupancy()
CREATE TRIGGER occupancy_refilled AFTER DELETE ON public.reservations REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION app.refill_released()
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.reservations FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
CREATE TRIGGER series_notes_its_instances AFTER UPDATE ON public.reservations FOR EACH ROW WHEN (((new.series_id IS NOT NULL) AND (old.* IS DISTINCT FROM new.*) AND (NOT ((new.status = 'completed'::public.reservation_status) AND (old.status <> 'completed'::public.reservation_status))))) EXECUTE FUNCTION app.note_instance_change()
CREATE TRIGGER settle_offer AFTER UPDATE OF status ON public.reservations FOR EACH ROW WHEN (((old.status = 'hold'::public.reservation_status) AND (new.status <> 'hold'::public.reservation_status))) EXECUTE FUNCTION app.settle_offer_of_hold()
CREATE TRIGGER zz_touch BEFORE UPDATE ON public.reservations FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.touch()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.rule_approvals FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.rule_approvals FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.rule_approvals FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.subscriptions FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.subscriptions FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.subscriptions FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER version_counts_subscription AFTER INSERT OR DELETE OR UPDATE ON public.subscriptions FOR EACH ROW EXECUTE FUNCTION app.count_subscription_change()
CREATE TRIGGER zz_touch BEFORE UPDATE ON public.subscriptions FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.touch()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.tier_booking_rules FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.tier_booking_rules FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.tier_booking_rules FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER fields_are_valid BEFORE INSERT OR UPDATE ON public.tier_booking_rules FOR EACH ROW EXECUTE FUNCTION app.check_fields('rule')
CREATE TRIGGER rule_is_valid_on_insert AFTER INSERT ON public.tier_booking_rules FOR EACH ROW EXECUTE FUNCTION app.check_rule()
CREATE TRIGGER rule_is_valid_on_update AFTER UPDATE ON public.tier_booking_rules FOR EACH ROW WHEN ((((((((((old.organization_id IS DISTINCT FROM new.organization_id) OR (old.tier_id IS DISTINCT FROM new.tier_id)) OR (old.rule_type IS DISTINCT FROM new.rule_type)) OR (old.conditions IS DISTINCT FROM new.conditions)) OR (old.effect IS DISTINCT FROM new.effect)) OR (old.approval_type IS DISTINCT FROM new.approval_type)) OR (old.approver_tier_id IS DISTINCT FROM new.approver_tier_id)) OR (old.approver_user_ids IS DISTINCT FROM new.approver_user_ids)) OR (old.quorum IS DISTINCT FROM new.quorum))) EXECUTE FUNCTION app.check_rule()
CREATE TRIGGER zz_touch BEFORE UPDATE ON public.tier_booking_rules FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.touch()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.tier_rule_assets FOR EACH ROW EXECUTE FUNCTION app.audit_row('rule_id', 'organization_id', '{}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.tier_rule_assets FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('rule_id', 'organization_id', '{}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.tier_rule_assets FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER rule_asset_is_of_the_organization AFTER INSERT OR UPDATE ON public.tier_rule_assets FOR EACH ROW EXECUTE FUNCTION app.check_references('rule_id', 'asset_id')
CREATE TRIGGER touch_rule AFTER INSERT OR DELETE OR UPDATE ON public.tier_rule_assets FOR EACH ROW EXECUTE FUNCTION app.touch_rule_of_asset()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.tier_rules FOR EACH ROW EXECUTE FUNCTION app.audit_row('tier_id', 'organization_id', '{}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.tier_rules FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('tier_id', 'organization_id', '{}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.tier_rules FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER fields_are_valid BEFORE INSERT OR UPDATE ON public.tier_rules FOR EACH ROW EXECUTE FUNCTION app.check_fields('limits')
CREATE TRIGGER version_counts_limits AFTER INSERT OR DELETE OR UPDATE ON public.tier_rules FOR EACH ROW EXECUTE FUNCTION app.count_limits_change()
CREATE TRIGGER zz_touch BEFORE UPDATE ON public.tier_rules FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.touch()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.tiers FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.tiers FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.tiers FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER announce_access_on_first_default AFTER INSERT ON public.tiers FOR EACH ROW WHEN ((new.is_default AND (new.sections IS NOT NULL))) EXECUTE FUNCTION app.announce_organization_access('organization_id')
CREATE TRIGGER announce_access_on_sections AFTER UPDATE OF sections, is_default ON public.tiers FOR EACH ROW WHEN (((old.sections IS DISTINCT FROM new.sections) OR (old.is_default IS DISTINCT FROM new.is_default))) EXECUTE FUNCTION app.announce_organization_access('organization_id')
CREATE TRIGGER fields_are_valid BEFORE INSERT OR UPDATE ON public.tiers FOR EACH ROW EXECUTE FUNCTION app.check_fields('tier')
CREATE TRIGGER keep_approving_tier BEFORE DELETE ON public.tiers FOR EACH ROW EXECUTE FUNCTION app.keep_approving_tier()
CREATE TRIGGER keep_default_tier AFTER DELETE OR UPDATE OF is_default ON public.tiers FOR EACH ROW WHEN ((old.is_default AND (pg_trigger_depth() = 0))) EXECUTE FUNCTION app.keep_default_tier()
CREATE TRIGGER keep_used_tier BEFORE DELETE ON public.tiers FOR EACH ROW EXECUTE FUNCTION app.keep_used_tier()
CREATE TRIGGER replace_default_tier BEFORE INSERT OR UPDATE OF is_default ON public.tiers FOR EACH ROW WHEN (new.is_default) EXECUTE FUNCTION app.replace_default_tier()
CREATE TRIGGER zz_touch BEFORE UPDATE ON public.tiers FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.touch()
CREATE TRIGGER "Audit_1" AFTER INSERT OR DELETE ON public.waitlist_entries FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_2" AFTER UPDATE ON public.waitlist_entries FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.audit_row('id', 'organization_id', '{}')
CREATE TRIGGER "Audit_3" BEFORE TRUNCATE ON public.waitlist_entries FOR EACH STATEMENT EXECUTE FUNCTION app.audit_truncate()
CREATE TRIGGER waitlist_is_on BEFORE INSERT ON public.waitlist_entries FOR EACH ROW WHEN ((new.displaced_reservation_id IS NULL)) EXECUTE FUNCTION app.require_waitlist()
CREATE TRIGGER zz_touch BEFORE UPDATE ON public.waitlist_entries FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.touch()

-- publications
table public.reservations in publication supabase_realtime

-- composites
type app.audit_filter as (user_id uuid, action text, resource_type text, resource_id uuid, request_id text, from timestamp with time zone, to timestamp with time zone)
type app.booking_case as (organization_id uuid, asset_id uuid, section public.asset_section, time_zone text, user_id uuid, tier_id uuid, start_date timestamp with time zone, end_date timestamp with time zone, exclude_ids uuid[], starts_anew boolean)
type app.series_move as (place integer, reservation_id uuid, detached boolean, old_row public.reservations, starts_at timestamp without time zone, start_date timestamp with time zone, end_date timestamp with time zone)
type app.series_slot as (place integer, starts_at timestamp without time zone, start_date timestamp with time zone, end_date timestamp with time zone, excluded boolean)
type app.verdict as (outcome text, violations jsonb, overridden jsonb)

-- views
view app.mv_organization_stats; definition 1bb1422d
view app.organization_figures; definition 1effc421

-- parallel
function app.access_mark(uuid,public.asset_section[]) parallel safe
function app.asset_document(text,text,jsonb) parallel safe
function app.asset_errors(public.assets) parallel safe
function app.asset_input_errors(jsonb,boolean) parallel safe
function app.asset_json(public.assets) parallel safe
function app.audit_digest(public.audit_logs) parallel safe
function app.audit_field(text) parallel safe
function app.audit_link_hash(uuid,bigint,timestamp with time zone,bytea,bytea) parallel safe
function app.audit_values(jsonb,text[]) parallel safe
function app.awaits_decision(public.rule_approvals,public.approval_requests) parallel safe
function app.between_errors(text,integer,integer,integer) parallel safe
function app.chain_of(uuid) parallel safe
function app.check_keys(jsonb,text[],text[],text) parallel safe
function app.column_errors(text,text,integer,boolean) parallel safe
function app.condition_fields(public.rule_type) parallel safe
function app.conflicts(uuid,tstzrange,uuid[]) parallel safe
function app.count_words(numeric,text) parallel safe
function app.counted_rrule(text,integer) parallel safe
function app.cursor_of(bigint,uuid) parallel safe
function app.daily_use(app.booking_case,text,text,date,date) parallel safe
function app.date_words(date) parallel safe
function app.day_start(date,text) parallel safe
function app.days_words(date,date) parallel safe
function app.easter(integer) parallel safe
function app.event_json(public.calendar_events) parallel safe
function app.fail_fields(jsonb) parallel safe
function app.fail(text,text,integer,jsonb) parallel safe
function app.feature_enabled(app.feature,uuid) parallel safe
function app.features_off() parallel safe
function app.field_error(text,text,text,jsonb) parallel safe
function app.finding(text,text,jsonb) parallel safe
function app.first_day(app.booking_case) parallel safe
function app.free_alternatives(uuid,timestamp with time zone,timestamp with time zone,interval,uuid[]) parallel safe
function app.full_name(text,text) parallel safe
function app.full_view_organizations() parallel safe
function app.head_cursor(uuid) parallel safe
function app.holds_slot(public.reservation_status) parallel safe
function app.holiday_dates(uuid[],date,date) parallel safe
function app.int_array(jsonb) parallel safe
function app.is_taken(public.assets,timestamp with time zone,timestamp with time zone,uuid[]) parallel safe
function app.key_errors(jsonb,text[],text[],text) parallel safe
function app.known_fields(text) parallel safe
function app.last_day(app.booking_case) parallel safe
function app.last_used_day(text,timestamp with time zone,timestamp with time zone,text) parallel safe
function app.local_day(timestamp with time zone,text) parallel safe
function app.local_length(timestamp with time zone,timestamp with time zone,text) parallel safe
function app.local_time(timestamp without time zone,text) parallel safe
function app.maintenance_state(public.maintenance_windows) parallel safe
function app.member_organizations() parallel safe
function app.member_role(uuid) parallel safe
function app.minutes_words(bigint) parallel safe
function app.month_day_date(text,integer) parallel safe
function app.most_use(app.booking_case,text,text,date,date) parallel safe
function app.object_errors(text,jsonb,integer) parallel safe
function app.occupancy_kind(public.reservation_status) parallel safe
function app.operation_errors(jsonb) parallel safe
function app.organizations_as(public.member_role) parallel safe
function app.own_approval_requests() parallel safe
function app.own_bookings(app.booking_case,date,date,text) parallel safe
function app.own_run(app.booking_case,text,integer,integer) parallel safe
function app.parse_rrule(text) parallel safe
function app.parse_uuid(text) parallel safe
function app.passes_aal2(uuid) parallel safe
function app.person_name(uuid) parallel safe
function app.photo_asset(text) parallel safe
function app.photo_organization(text) parallel safe
function app.plain_words(text) parallel safe
function app.range_errors(timestamp with time zone,timestamp with time zone,text,text) parallel safe
function app.require_aal2(uuid,boolean) parallel safe
function app.require_feature(app.feature,uuid) parallel safe
function app.require_level() parallel safe
function app.require_member(uuid,public.member_role) parallel safe
function app.reservation_state(public.reservations) parallel safe
function app.rrule_combination_errors(jsonb) parallel safe
function app.rrule_days(jsonb,date,date) parallel safe
function app.rrule_error(text,text,jsonb) parallel safe
function app.rrule_errors(text) parallel safe
function app.rrule_numbers(text,integer) parallel safe
function app.rrule_part(text,text) parallel safe
function app.rrule_until(text) parallel safe
function app.rrule_weekdays(text) parallel safe
function app.search_errors(text,text,integer,timestamp with time zone,timestamp with time zone,jsonb,text,integer,integer) parallel safe
function app.search_query(text) parallel safe
function app.section_view_assets() parallel safe
function app.sections_of(uuid,public.member_role,uuid) parallel safe
function app.text_errors(jsonb,text,integer,text) parallel safe
function app.text_fault(jsonb,text,integer) parallel safe
function app.turnaround(integer) parallel safe
function app.url_errors(text,text) parallel safe
function app.utc(timestamp with time zone) parallel safe
function app.uuid_fault(jsonb,text) parallel safe
function app.violation(text,jsonb,text,uuid,text,integer,boolean) parallel safe
function app.visible_asset(uuid) parallel safe
function app.visible_sections(uuid) parallel safe

-- comments
comment on table app.feature_flags is 'Features that are switched off, or on again, from the next statement on. No row: on. See docs/flags.md.'
comment on table column app.feature_flags.organization_id is 'Whose feature it is; empty is everyone''s. An organisation''s row wins over everyone''s.'
comment on table column app.feature_flags.reason is 'Why, for the next operator; nobody else is shown it.'

-- privileges
default of postgres on functions in -; grants none
default of postgres on functions in public; grants none
default of postgres on sequences in public; grants none
default of postgres on tables in public; grants none
