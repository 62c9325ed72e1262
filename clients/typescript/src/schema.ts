// Written by `make client` from the OpenAPI document; a test compares it.

export interface paths {
    "/api/docs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This document, to be read */
        get: operations["read_docs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Does everything work?
         * @description 503 without database or Supabase Auth. At most a second old.
         */
        get: operations["read_health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Does the process answer? */
        get: operations["read_liveness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What Prometheus reads
         * @description Of all processes. Asks for a bearer token where METRICS_TOKEN is set.
         */
        get: operations["read_metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This document */
        get: operations["read_openapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/approval-delegations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who decides in whose place: for me, by me; for managers and above, all */
        get: operations["list_delegations"];
        put?: never;
        /** Let another member decide in my place for a time */
        post: operations["create_delegation"];
        /** End a delegation that I gave or got; admins and owners end any */
        delete: operations["delete_delegation"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/assets/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** An asset */
        get: operations["read_asset"];
        put?: never;
        post?: never;
        /** Archive an asset (admins and owners); refused while bookings are to come */
        delete: operations["archive_asset"];
        options?: never;
        head?: never;
        /** Change an asset (admins and owners) */
        patch: operations["update_asset"];
        trace?: never;
    };
    "/api/v1/assets/{id}/availability": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Is an asset free at a time, and if not, when?
         * @description An answer for people; only a booking makes sure.
         */
        get: operations["read_availability"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/assets/{id}/maintenance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The maintenance of an asset that I may see
         * @description `from` and `to` keep the windows that touch the time between them.
         */
        get: operations["list_maintenance"];
        put?: never;
        /**
         * Schedule maintenance of an asset (admins and owners)
         * @description Bookings refuse it, with their list, unless `resolution` says what becomes of them.
         */
        post: operations["create_maintenance"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/assets/{id}/photos": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The photos of an asset, in their order */
        get: operations["list_photos"];
        put?: never;
        /** Register an uploaded photo (admins and owners) */
        post: operations["register_photo"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/assets/{id}/photos/upload-url": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Where to upload a photo of an asset (admins and owners)
         * @description JPEG, PNG, WebP or AVIF of at most 10 MiB, and twenty photos an asset.
         */
        post: operations["plan_upload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/assets/{id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Bring an archived asset back (admins and owners) */
        post: operations["restore_asset"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/mfa/factors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** My second factors */
        get: operations["list_factors"];
        put?: never;
        /**
         * A new second factor: the secret for an authenticator
         * @description It counts once a challenge of it has been answered. The secret is shown this once.
         */
        post: operations["enroll_factor"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/mfa/factors/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Remove a second factor
         * @description A verified one asks for a session at aal2, and takes it back to aal1: refresh then.
         */
        delete: operations["unenroll_factor"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/mfa/factors/{id}/challenge": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A challenge to answer with a code */
        post: operations["challenge_factor"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/mfa/factors/{id}/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Tokens at aal2 for the code of a challenge
         * @description Of the same session, in place of its tokens; the user's sessions at aal1 end. 422, `reason` code (try another with the same challenge) or challenge (ask for a new one).
         */
        post: operations["verify_factor"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * New tokens for a refresh token
         * @description A refresh token is good once. Whoever has not got the answer sends the same token again. A 401, `reason` refresh_token, is the session's end. Nothing of the answer is kept here, and no cache may keep it.
         */
        post: operations["refresh_session"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/sign-in": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Tokens for an email and a password
         * @description One refusal, whatever is wrong: 401, `reason` credentials. Nothing of the answer is kept here, and no cache may keep it.
         */
        post: operations["sign_in"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/sign-out": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End this session, my others, or all
         * @description Ends the sessions' streams too, and their refresh tokens. An access token stays good until it expires, as everywhere at Supabase: forget it.
         */
        post: operations["sign_out"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/holds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Keep an asset's time for five minutes
         * @description A new hold of the same asset replaces my old one. Book with `hold_id` to confirm it.
         */
        post: operations["create_hold"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/holds/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Give up a hold of mine */
        delete: operations["release_hold"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/invitations/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Accept an invitation that was sent to my address
         * @description By the verified address that was invited, once, within seven days.
         */
        post: operations["accept_invitation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/maintenance/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A maintenance window */
        get: operations["read_maintenance"];
        put?: never;
        post?: never;
        /**
         * Cancel maintenance that has not ended (admins and owners)
         * @description The window stays on record as canceled; its time can be booked.
         */
        delete: operations["cancel_maintenance"];
        options?: never;
        head?: never;
        /**
         * Move or change maintenance (admins and owners)
         * @description A new time or asset is checked like a new window; `resolution` is for bookings in its way.
         */
        patch: operations["update_maintenance"];
        trace?: never;
    };
    "/api/v1/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who am I, and where a member? */
        get: operations["read_me"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change my profile
         * @description `If-Match` is compared with `profile.version`.
         */
        patch: operations["update_me"];
        trace?: never;
    };
    "/api/v1/organizations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The organisations that I am a member of */
        get: operations["list_organizations"];
        put?: never;
        /** Create an organisation; the caller becomes its owner */
        post: operations["create_organization"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{org}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** An organisation */
        get: operations["read_organization"];
        put?: never;
        post?: never;
        /**
         * Delete an organisation (owners)
         * @description Nothing in it is lost: an owner may restore it.
         */
        delete: operations["delete_organization"];
        options?: never;
        head?: never;
        /** Change an organisation (admins and owners) */
        patch: operations["update_organization"];
        trace?: never;
    };
    "/api/v1/organizations/{org}/approvals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Approvals: those that I decide, of my bookings, or all */
        get: operations["list_approvals"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{org}/assets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The assets of an organisation that I may see: listed, searched, free between two times */
        get: operations["list_assets"];
        put?: never;
        /** Add an asset (admins and owners) */
        post: operations["create_asset"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{org}/assets/bulk": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create, change, archive and restore many assets (admins and owners)
         * @description Mode `atomic` does all or nothing, and then names every fault; `partial` answers for each operation.
         */
        post: operations["bulk_assets"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{org}/audit-logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The audit log, newest first (admins and owners)
         * @description Names of people are in the members' directory. Whoever has a second factor must have used it. `Link` names the next page.
         */
        get: operations["list_audit_logs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{org}/audit-logs/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Is the audit log what it was? (admins and owners)
         * @description Recomputes a part of the chain. That somebody did is an entry of the log itself.
         */
        get: operations["verify_audit_chain"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{org}/blackouts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The blackouts of an organisation */
        get: operations["list_blackouts"];
        put?: never;
        /** Add a blackout (admins and owners) */
        post: operations["create_blackout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{org}/blackouts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Delete a blackout (admins and owners) */
        delete: operations["delete_blackout"];
        options?: never;
        head?: never;
        /** Change a blackout (admins and owners) */
        patch: operations["update_blackout"];
        trace?: never;
    };
    "/api/v1/organizations/{org}/calendar": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A calendar, and the stream's cursor of the same moment
         * @description Open the stream from `cursor`: nothing is missed and nothing comes twice. At most 400 days.
         */
        get: operations["read_calendar"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{org}/calendar/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The calendar's changes, as they happen
         * @description Server-sent events: `ready`, then each change once and in order. Resumes after `Last-Event-ID` or `cursor`. After `reset` fetch the calendar again and open a stream from its cursor; `bye` is the last frame. Takes a bearer token or a ticket.
         */
        get: operations["stream_calendar"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{org}/exports/audit.csv": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The audit log as CSV, in the order of its chain (admins and owners)
         * @description UTF-8, every cell quoted. A text that is empty or begins with one of `=+-@'` or a control character has an apostrophe in front: take it away before hashing; an empty cell is null. Without filters the last row is the entry about this export. An answer that is cut off is incomplete.
         */
        get: operations["export_audit_logs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{org}/holidays": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The holidays that rules may name: those built in, and one's own */
        get: operations["list_holidays"];
        put?: never;
        /** Add a holiday (admins and owners) */
        post: operations["create_holiday"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{org}/holidays/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Delete a holiday (admins and owners) */
        delete: operations["delete_holiday"];
        options?: never;
        head?: never;
        /** Change a holiday (admins and owners) */
        patch: operations["update_holiday"];
        trace?: never;
    };
    "/api/v1/organizations/{org}/invitations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The invitations of an organisation, newest first (admins and owners) */
        get: operations["list_invitations"];
        put?: never;
        /**
         * Invite someone (admins and owners)
         * @description The token is shown this once. An open invitation of the same address is replaced.
         */
        post: operations["create_invitation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{org}/invitations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Take an invitation back (admins and owners) */
        delete: operations["revoke_invitation"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{org}/members": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The members of an organisation
         * @description Email and phone are shown to managers and above.
         */
        get: operations["list_members"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{org}/members/{user}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Remove a member (admins and owners), or leave
         * @description Refused while bookings are to come, unless they shall be cancelled, or go to another member; the latter is for admins and owners to say.
         */
        delete: operations["remove_member"];
        options?: never;
        head?: never;
        /**
         * Change a member's role or tier (admins and owners)
         * @description Only owners make and change owners; the last one stays.
         */
        patch: operations["update_member"];
        trace?: never;
    };
    "/api/v1/organizations/{org}/reports/utilization": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How much the assets were booked between two times (managers and above)
         * @description Months begin at midnight in the organisation's zone; days and nights are each asset's own.
         */
        get: operations["read_utilization"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{org}/reservations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The bookings of an organisation that I may see
         * @description `from` and `to` keep the bookings that touch the time between them; `q` searches titles.
         */
        get: operations["list_reservations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{org}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Restore a deleted organisation (its owners) */
        post: operations["restore_organization"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{org}/rules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The rules of an organisation, in the order of evaluation */
        get: operations["list_rules"];
        put?: never;
        /**
         * Add a rule (admins and owners)
         * @description `conditions` are those of the rule's type; see docs/booking.md.
         */
        post: operations["create_rule"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{org}/rules/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Delete a rule (admins and owners) */
        delete: operations["delete_rule"];
        options?: never;
        head?: never;
        /** Change a rule (admins and owners) */
        patch: operations["update_rule"];
        trace?: never;
    };
    "/api/v1/organizations/{org}/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Figures of an organisation, at most about a minute old */
        get: operations["read_stats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{org}/tiers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The tiers of an organisation, the strongest first */
        get: operations["list_tiers"];
        put?: never;
        /** Add a tier (admins and owners) */
        post: operations["create_tier"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{org}/tiers/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Delete a tier (admins and owners) */
        delete: operations["delete_tier"];
        options?: never;
        head?: never;
        /** Change a tier (admins and owners) */
        patch: operations["update_tier"];
        trace?: never;
    };
    "/api/v1/organizations/{org}/waitlist": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What I wait for; for managers and above, what anyone does */
        get: operations["list_waitlist"];
        put?: never;
        /**
         * Wait for a time that is taken
         * @description When it comes free, it is kept for half an hour for the first who may have it.
         */
        post: operations["join_waitlist"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/photos/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Delete a photo and its file (admins and owners) */
        delete: operations["delete_photo"];
        options?: never;
        head?: never;
        /** Change a photo's caption or place (admins and owners) */
        patch: operations["update_photo"];
        trace?: never;
    };
    "/api/v1/reservations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Book an asset
         * @description A refusal names every rule that is broken; a conflict what stands in the way, whether my tier may displace it, and up to three free times nearby. Where a rule asks for approval the booking is `pending`, and keeps its time until that is decided.
         */
        post: operations["create_reservation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/reservations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A booking */
        get: operations["read_reservation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Move or change a booking
         * @description A changed time or asset is judged like a new booking, notice only where the start or the asset changes. What was approved is asked for anew where a rule says so.
         */
        patch: operations["update_reservation"];
        trace?: never;
    };
    "/api/v1/reservations/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a booking (one's own, or as manager and above)
         * @description A tier may ask of its members that they give notice.
         */
        post: operations["cancel_reservation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/reservations/{id}/decision": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Approve or reject a booking that waits for me
         * @description Without `rule_id` it answers every rule that asks me, or somebody for whom I stand in.
         */
        post: operations["decide_reservation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/reservations/{id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Undo a cancellation within 15 minutes
         * @description If the time is still free and the rules, notice aside, allow it. What was approved is approved again. What a manager cancelled only managers and above bring back.
         */
        post: operations["restore_reservation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/reservations/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * What booking would come to
         * @description The same body and the same judgement as booking, all of it at once: rules, conflicts, free times nearby and approvals. Nothing is written.
         */
        post: operations["preview_reservation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/series": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Book a series
         * @description Local times stay what they are while clocks change. Each instance is judged as a booking of its own, the earlier ones counted, and `instances` says what became of it; so do the `details.instances` of a 409 or 422, after which nothing was booked.
         */
        post: operations["create_series"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/series/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A series with its instances */
        get: operations["read_series"];
        put?: never;
        post?: never;
        /**
         * Cancel a series, or an instance
         * @description What has begun stays. The body, with a reason, may be left out.
         */
        delete: operations["cancel_series"];
        options?: never;
        head?: never;
        /**
         * Move or change a series, or an instance
         * @description Times are those of the instance at `from`; the others move as far on the wall's clock. All or nothing. `this` is an exception from then on; `following` become a series of their own; the rule itself cannot be changed.
         */
        patch: operations["update_series"];
        trace?: never;
    };
    "/api/v1/stream-tickets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A ticket that opens one stream, once
         * @description For EventSource, which cannot send a token. It holds who you are, not your token.
         */
        post: operations["create_stream_ticket"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/waitlist/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Wait no longer, or decline the offer */
        delete: operations["leave_waitlist"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/waitlist/{id}/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Book what was offered to me */
        post: operations["accept_waitlist_offer"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description The token of an invitation. */
        Acceptance: {
            /** @description As it was shown to whoever invited. */
            token: string;
        };
        /** @description A postal address. */
        Address: {
            city?: string | null;
            country?: string | null;
            postal_code?: string | null;
            state?: string | null;
            street?: string | null;
        };
        /** @description A postal address as stored. */
        AddressRead: {
            /** @default null */
            city?: string | null;
            /** @default null */
            country?: string | null;
            /** @default null */
            postal_code?: string | null;
            /** @default null */
            state?: string | null;
            /** @default null */
            street?: string | null;
        };
        /** @description A rule that somebody entitled set aside for this booking, as it was then. */
        AppliedOverride: {
            code: string;
            /** Format: date-time */
            overridden_at: string;
            /** Format: uuid */
            overridden_by: string;
            params: {
                [key: string]: unknown;
            };
            reason: string;
            rule_id: string | null;
            rule_type: string;
            rule_version: number | null;
        };
        /** @description What one rule asks for one booking; the rule is as it was when the booking was submitted. */
        ApprovalRequest: {
            /** @enum {string} */
            approval_type: "any_approver" | "all_principals" | "tier_members" | "specific_users" | "quorum";
            approvers: components["schemas"]["Approver"][];
            /** Format: date-time */
            created_at: string;
            /** @description Since then any one of the owners decides. */
            escalated_at: string | null;
            /** Format: date-time */
            expires_at: string;
            /** Format: uuid */
            id: string;
            /** @description How many have to approve. */
            required: number;
            /** @description Null where the tier's own limit asks. */
            rule_id: string | null;
            rule_name: string | null;
            rule_type: string;
            rule_version: number | null;
            /** @enum {string} */
            status: "pending" | "approved" | "rejected" | "expired" | "voided";
        };
        /** @description The booking that is asked about, in short. */
        ApprovalReservation: {
            /** Format: uuid */
            asset_id: string;
            asset_name: string;
            booked_by: string | null;
            /** Format: date-time */
            end_date: string;
            guest_count: number | null;
            /** Format: uuid */
            id: string;
            /** @enum {string} */
            section: "planes" | "helicopters" | "residences" | "watercraft";
            /** Format: date-time */
            start_date: string;
            /** @enum {string} */
            status: "hold" | "pending" | "approved" | "rejected" | "canceled" | "completed" | "expired" | "displaced";
            time_zone: string;
            title: string;
            user_id: string | null;
            version: number;
        };
        /** @description One who is asked, and the answer; `decided_by` is somebody else where that one stood in. */
        Approver: {
            /** @description Asked as an owner, because nobody else was there or answered in time. */
            as_owner: boolean;
            decided_by: string | null;
            /** @default null */
            name?: string | null;
            notes: string | null;
            responded_at: string | null;
            /** @enum {string} */
            status: "pending" | "approved" | "rejected" | "dropped" | "voided";
            user_id: string | null;
        };
        /** @description A plane, helicopter, residence or boat. */
        Asset: {
            capacity: number | null;
            check_in: string | null;
            check_out: string | null;
            /** Format: date-time */
            created_at: string;
            current_location: {
                [key: string]: unknown;
            } | null;
            description: string | null;
            details: {
                [key: string]: unknown;
            };
            /** Format: uuid */
            id: string;
            is_active: boolean;
            name: string;
            /** Format: uuid */
            organization_id: string;
            primary_photo_url: string | null;
            /** @enum {string} */
            section: "planes" | "helicopters" | "residences" | "watercraft";
            timezone: string;
            turnaround_minutes: number;
            /** Format: date-time */
            updated_at: string;
            version: number;
        };
        /** @description What admins may change of an asset; null empties a field that may be empty. */
        AssetChanges: {
            capacity?: number | null;
            check_in?: string | null;
            check_out?: string | null;
            current_location?: {
                [key: string]: unknown;
            } | null;
            description?: string | null;
            details?: {
                [key: string]: unknown;
            };
            is_active?: boolean;
            name?: string;
            primary_photo_url?: string | null;
            /** @enum {string} */
            section?: "planes" | "helicopters" | "residences" | "watercraft";
            /**
             * @description IANA time zone
             * @example America/Panama
             */
            timezone?: string;
            /** @description Minutes that a booking occupies beyond its end. */
            turnaround_minutes?: number;
        };
        /** @description A new asset. Its section must be among the organisation's entitlements. */
        AssetCreate: {
            capacity?: number | null;
            check_in?: string | null;
            check_out?: string | null;
            current_location?: {
                [key: string]: unknown;
            } | null;
            description?: string | null;
            details?: {
                [key: string]: unknown;
            };
            is_active?: boolean;
            name: string;
            primary_photo_url?: string | null;
            /** @enum {string} */
            section: "planes" | "helicopters" | "residences" | "watercraft";
            /**
             * @description IANA time zone
             * @example America/Panama
             */
            timezone?: string;
            /** @description Minutes that a booking occupies beyond its end. */
            turnaround_minutes?: number;
        };
        /** @description Number of assets in each section. */
        AssetsBySection: {
            /** @default 0 */
            helicopters?: number;
            /** @default 0 */
            planes?: number;
            /** @default 0 */
            residences?: number;
            /** @default 0 */
            watercraft?: number;
        };
        /**
         * @description What was done. `metadata.source`: `row` has `old` and `new`; `request`; `audit`, of this log itself.
         *
         *     Without `user_id` nobody was signed in, or it was done in the database itself. `chain` is null for some
         *     seconds, until the entry is sealed.
         */
        AuditEntry: {
            action: string;
            chain: components["schemas"]["AuditLink"] | null;
            /** Format: date-time */
            created_at: string;
            duration_ms: number | null;
            error_message: string | null;
            /** Format: uuid */
            id: string;
            ip_address: string | null;
            metadata: {
                [key: string]: unknown;
            };
            /** Format: uuid */
            organization_id: string;
            request_body: unknown;
            request_method: string | null;
            request_path: string | null;
            resource_id: string | null;
            resource_type: string | null;
            response_status: number | null;
            user_agent: string | null;
            user_id: string | null;
        };
        /** @description Where a chain ends. Keep it elsewhere: only a known head proves that the end was not cut off. */
        AuditHead: {
            hash: string;
            position: number;
            sealed_at: string | null;
        };
        /** @description Where an entry stands in its chain. */
        AuditLink: {
            hash: string;
            position: number;
            /** Format: date-time */
            sealed_at: string;
        };
        /** @description Entries, newest first; the next page begins at `next_cursor`, null on the last. */
        AuditPage: {
            items: components["schemas"]["AuditEntry"][];
            next_cursor: string | null;
        };
        /** @description What is wrong with a chain, at its first wrong position if it has one; docs/audit.md has the kinds. */
        AuditProblem: {
            entry_id: string | null;
            /** @enum {string} */
            kind: "missing_link" | "broken_link" | "missing_entry" | "changed_entry" | "beyond_head" | "unlinked_entry" | "stalled" | "truncated" | "rewritten";
            position: number | null;
        };
        /**
         * @description What verifying a part of a chain found; go on at `next_position` until it is null.
         *
         *     `unsealed` entries wait to be sealed, one of them since `unsealed_since`: seconds ago, while all is well.
         */
        AuditVerification: {
            checked: number;
            checked_from: number;
            head: components["schemas"]["AuditHead"];
            intact: boolean;
            next_position: number | null;
            problem: components["schemas"]["AuditProblem"] | null;
            sealed: number;
            unsealed: number;
            unsealed_since: string | null;
        };
        /** @description Whether a time is free, and what is free instead. */
        Availability: {
            alternatives: components["schemas"]["Slot"][];
            /** Format: uuid */
            asset_id: string;
            conflicting_reservations: components["schemas"]["Conflict"][];
            is_available: boolean;
            time_zone: string;
        };
        /** @description Days, both included, on which nobody of the tier (null: any) books the asset (null: any). */
        Blackout: {
            asset_id: string | null;
            /** Format: date-time */
            created_at: string;
            end_date: string;
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            organization_id: string;
            reason: string | null;
            start_date: string;
            tier_id: string | null;
            /** Format: date-time */
            updated_at: string;
            version: number;
        };
        /** @description What is to be different. */
        BlackoutChanges: {
            asset_id?: string | null;
            /** Format: date */
            end_date?: string;
            reason?: string | null;
            /** Format: date */
            start_date?: string;
            tier_id?: string | null;
        };
        /** @description A new blackout, in the local days of each asset. */
        BlackoutCreate: {
            asset_id?: string | null;
            /** Format: date */
            end_date: string;
            reason?: string | null;
            /** Format: date */
            start_date: string;
            tier_id?: string | null;
        };
        /** @description What is to be different of one booking, or of those of a series. */
        BookingChanges: {
            /** Format: uuid */
            asset_id?: string;
            /** Format: date-time */
            end_date?: string;
            guest_count?: number | null;
            guests?: components["schemas"]["Guest"][] | null;
            metadata?: {
                [key: string]: unknown;
            } | null;
            notes?: string | null;
            /** Format: date-time */
            start_date?: string;
            title?: string;
        };
        /** @description Up to a hundred operations; `asset` has the fields of a new asset, or those that change. */
        BulkAssets: {
            /** @enum {string} */
            mode: "atomic" | "partial";
            /**
             * @description `op`: create (asset), update (id, version?, asset), archive, restore (id, version?)
             * @example [
             *       {
             *         "id": "d0000000-0000-4000-8000-000000000101",
             *         "op": "archive",
             *         "version": 3
             *       }
             *     ]
             */
            operations: {
                [key: string]: unknown;
            }[];
        };
        /** @description A result for each operation, in their order. */
        BulkResults: {
            failed: number;
            results: components["schemas"]["OperationResult"][];
            succeeded: number;
        };
        /** @description A snapshot, and the stream's cursor of that very moment. */
        Calendar: {
            cursor: string;
            maintenance?: components["schemas"]["MaintenanceEntry"][];
            reservations: components["schemas"]["CalendarEntry"][];
        };
        /** @description A booking on the calendar: what every member who may see the asset may see. */
        CalendarEntry: {
            /** Format: uuid */
            asset_id: string;
            /** Format: date-time */
            end_date: string;
            guest_count: number | null;
            /** Format: uuid */
            id: string;
            /** Format: date-time */
            start_date: string;
            /** @enum {string} */
            status: "hold" | "pending" | "approved" | "rejected" | "canceled" | "completed" | "expired" | "displaced";
            title: string;
            user_id: string | null;
            version: number;
        };
        /** @description Why, for those concerned. */
        Cancellation: {
            reason?: string | null;
        };
        /** @description To be answered with a code, once, until it expires, from the same address. */
        Challenge: {
            /** Format: date-time */
            expires_at: string;
            /** Format: uuid */
            id: string;
        };
        /** @description Nothing. */
        ChallengeCreate: Record<string, never>;
        /** @description A series after a change. With `following` it is a new one, split off from `previous_series_id`. */
        ChangedSeries: {
            /** Format: uuid */
            asset_id: string;
            /** @default null */
            booked_by?: string | null;
            changed: components["schemas"]["SeriesInstance"][];
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            end_date: string;
            exdates: string[];
            /** Format: uuid */
            id: string;
            instances: components["schemas"]["SeriesInstance"][];
            /** Format: uuid */
            organization_id: string;
            /** @default null */
            previous_series_id?: string | null;
            rrule: string;
            /** @description How many days after the rule's the instances lie, since all were moved. */
            shifted_days: number;
            /** Format: date-time */
            start_date: string;
            time_zone: string;
            title: string;
            /** Format: date-time */
            updated_at: string;
            user_id: string | null;
            version: number;
        };
        /** @description One part: `latency` in milliseconds, `message` where there is something to say. */
        Check: {
            latency: number;
            message: string;
            /** @enum {string} */
            status: "pass" | "fail";
        };
        /** @description The parts. */
        Checks: {
            auth: components["schemas"]["Check"];
            cache: components["schemas"]["Check"];
            database: components["schemas"]["Check"];
            realtime: components["schemas"]["Check"];
        };
        /** @description What stands in the way. Of what the caller may not read, only the kind and the times are told. */
        Conflict: {
            /** @default null */
            booked_by?: unknown;
            /** Format: date-time */
            end_date: string;
            /** @default null */
            id?: string | null;
            /** @default null */
            kind?: ("reservation" | "hold" | "maintenance" | "external") | null;
            /** Format: date-time */
            start_date: string;
            /** @default null */
            status?: string | null;
            /** @default null */
            title?: string | null;
        };
        /** @description The booking after the decision, with what was asked about it. */
        DecidedReservation: {
            approvals: components["schemas"]["ApprovalRequest"][];
            /** @default null */
            approved_at?: string | null;
            /** @default null */
            approved_by?: string | null;
            /** Format: uuid */
            asset_id: string;
            /** @default null */
            booked_by?: string | null;
            /** @default null */
            canceled_at?: string | null;
            cancellation_reason?: string | null;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            end_date: string;
            guest_count: number | null;
            guests?: components["schemas"]["GuestRead"][];
            /** @default null */
            hold_expires_at?: string | null;
            /** Format: uuid */
            id: string;
            /** @default null */
            metadata?: {
                [key: string]: unknown;
            } | null;
            /** @default null */
            notes?: string | null;
            /** Format: uuid */
            organization_id: string;
            overrides?: components["schemas"]["AppliedOverride"][];
            rejected_reason?: string | null;
            /** @default null */
            series_id?: string | null;
            /** Format: date-time */
            start_date: string;
            /** @enum {string} */
            status: "hold" | "pending" | "approved" | "rejected" | "canceled" | "completed" | "expired" | "displaced";
            time_zone: string;
            title: string;
            /** Format: date-time */
            updated_at: string;
            user_id: string | null;
            version: number;
        };
        /** @description What I decide; without `rule_id` for every rule that asks me. */
        Decision: {
            /** @enum {string} */
            decision: "approve" | "reject";
            notes?: string | null;
            rule_id?: string | null;
        };
        /** @description Somebody decides in another's place for a time. */
        Delegation: {
            /** Format: date-time */
            created_at: string;
            /** Format: uuid */
            delegate_id: string;
            delegate_name: string | null;
            /** Format: date-time */
            ends_at: string;
            /** Format: uuid */
            id: string;
            name: string | null;
            /** Format: uuid */
            organization_id: string;
            /** Format: date-time */
            starts_at: string;
            /** Format: uuid */
            user_id: string;
        };
        /** @description Who decides in my place, and until when; `starts_at` is now if left out. */
        DelegationCreate: {
            /** Format: uuid */
            delegate_id: string;
            /** Format: date-time */
            ends_at: string;
            /** Format: uuid */
            organization_id: string;
            starts_at?: string | null;
        };
        /** @description What an error says to programs. Which of it is there depends on the code, and more may be. */
        Details: {
            /** @description CONFLICT: free times of the same length nearby. */
            alternatives?: components["schemas"]["Slot"][];
            /** @description CONFLICT, RULE_VIOLATION: what stands in the way. */
            conflicts?: components["schemas"]["Conflict"][];
            /** @description PRECONDITION_FAILED: the resource as it is now. */
            current?: {
                [key: string]: unknown;
            };
            /**
             * @description CONFLICT: whether `displace` would help.
             * @default false
             */
            displaceable?: boolean;
            /**
             * @description FEATURE_DISABLED: what is switched off.
             * @default
             */
            feature?: string;
            /** @description VALIDATION_ERROR */
            fields?: components["schemas"]["FieldFault"][];
            /** @description RATE_LIMIT_EXCEEDED: the rate limits that refused, as in `RateLimit`. */
            policies?: string[];
            /**
             * @description Which cause it was, where the code has several.
             * @default
             */
            reason?: string;
            /** @description RULE_VIOLATION: every rule that is broken. */
            violations?: components["schemas"]["Violation"][];
        } & {
            [key: string]: unknown;
        };
        /** @description A new factor. The secret is told this once. */
        Enrollment: {
            /** @constant */
            factor_type: "totp";
            /** @default null */
            friendly_name?: string | null;
            /** Format: uuid */
            id: string;
            /** @description The same as a drawing, a data: URI for an `img`. */
            qr_code: string;
            /** @description To type in. */
            secret: string;
            /** @description otpauth://, to open. */
            uri: string;
        };
        /** @description What went wrong; `details` depends on the code, `retryAfter` is in seconds. */
        Error: {
            /** @enum {string} */
            code: "BAD_GATEWAY" | "CONFLICT" | "FEATURE_DISABLED" | "FORBIDDEN" | "HEADERS_TOO_LARGE" | "IDEMPOTENCY_KEY_REUSED" | "INTERNAL_ERROR" | "INVALID_STATE" | "METHOD_NOT_ALLOWED" | "MFA_REQUIRED" | "MFA_VERIFICATION_FAILED" | "NOT_FOUND" | "NO_ELIGIBLE_APPROVER" | "PAYLOAD_TOO_LARGE" | "PRECONDITION_FAILED" | "RATE_LIMIT_EXCEEDED" | "REQUEST_TIMEOUT" | "RULE_VIOLATION" | "SERVICE_UNAVAILABLE" | "TIMEOUT" | "UNAUTHORIZED" | "UNSUPPORTED_MEDIA_TYPE" | "URI_TOO_LONG" | "VALIDATION_ERROR";
            details?: components["schemas"]["Details"];
            message: string;
            /** @default 0 */
            retryAfter?: number;
            /** Format: date-time */
            timestamp: string;
        };
        /** @description A second factor; one that is not verified counts for nothing. */
        Factor: {
            /** Format: date-time */
            created_at: string;
            factor_type: string;
            /** @default null */
            friendly_name?: string | null;
            /** Format: uuid */
            id: string;
            /** @enum {string} */
            status: "unverified" | "verified";
            /** Format: date-time */
            updated_at: string;
        };
        /** @description What to call the new factor, so that its owner tells it from others. */
        FactorCreate: {
            friendly_name?: string | null;
        };
        /** @description The answer to a challenge. */
        FactorVerify: {
            /** Format: uuid */
            challenge_id: string;
            /** @example 492039 */
            code: string;
        };
        /** @description The body of every error. */
        Failure: {
            error: components["schemas"]["Error"];
            metadata: components["schemas"]["Metadata"];
            /** @constant */
            success: false;
        };
        /** @description What is switched on in an organisation now; an app hides the rest. */
        Features: {
            bulk_assets: boolean;
            calendar_stream: boolean;
            displacement: boolean;
            waitlist: boolean;
        };
        /** @description What is wrong with one field: `path` is dotted; `code` and `params` are for an app to word it. */
        FieldFault: {
            code: string;
            message: string;
            params?: {
                [key: string]: unknown;
            };
            path: string;
        };
        /** @description Someone who comes along. */
        Guest: {
            email?: string | null;
            name: string;
        };
        /** @description Someone who comes along, as stored. */
        GuestRead: {
            /** @default null */
            email?: string | null;
            name: string;
        };
        /**
         * @description Unhealthy without database or auth; degraded without Realtime (calendars then move a second late), or
         *     without the cache (each process then limits for itself).
         */
        Health: {
            checks: components["schemas"]["Checks"];
            /** @enum {string} */
            status: "healthy" | "degraded" | "unhealthy";
            /** Format: date-time */
            timestamp: string;
            version: string;
        };
        /** @description Kept for me until `expires_at`; `outcome` says what confirming it would come to. */
        Hold: {
            /** Format: uuid */
            asset_id: string;
            /** Format: date-time */
            end_date: string;
            /** Format: date-time */
            expires_at: string;
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            organization_id: string;
            /** @enum {string} */
            outcome: "approved" | "pending";
            /** Format: date-time */
            start_date: string;
            time_zone: string;
            violations: components["schemas"]["Violation"][];
        };
        /** @description What is to be kept. */
        HoldCreate: {
            /** Format: uuid */
            asset_id: string;
            /** Format: date-time */
            end_date: string;
            /** Format: date-time */
            start_date: string;
        };
        /** @description A holiday: every year on a day, days from Easter Sunday, or once. Those built in are everyone's. */
        Holiday: {
            built_in: boolean;
            /** Format: date-time */
            created_at: string;
            date: string | null;
            easter_offset: number | null;
            /** Format: uuid */
            id: string;
            month_day: string | null;
            name: string;
            name_es: string | null;
            next_date: string | null;
            organization_id: string | null;
            /** Format: date-time */
            updated_at: string;
            version: number;
        };
        /** @description What is to be different. */
        HolidayChanges: {
            date?: string | null;
            easter_offset?: number | null;
            month_day?: string | null;
            name?: string;
            name_es?: string | null;
        };
        /** @description A holiday of one's own: exactly one of `month_day`, `easter_offset` (days) and `date`. */
        HolidayCreate: {
            date?: string | null;
            easter_offset?: number | null;
            month_day?: string | null;
            name: string;
            name_es?: string | null;
        };
        /** @description An invitation, without its token. A tier of null is the default tier when it is accepted. */
        Invitation: {
            accepted_at: string | null;
            accepted_by: string | null;
            /** Format: date-time */
            created_at: string;
            email: string;
            /** Format: date-time */
            expires_at: string;
            /** Format: uuid */
            id: string;
            invited_by: string | null;
            invited_by_name: string | null;
            message: string | null;
            /** Format: uuid */
            organization_id: string;
            revoked_at: string | null;
            /** @enum {string} */
            role: "admin" | "manager" | "member" | "viewer";
            /** @enum {string} */
            status: "open" | "accepted" | "revoked" | "expired";
            tier: components["schemas"]["TierName"] | null;
            tier_id: string | null;
            /** Format: date-time */
            updated_at: string;
            version: number;
        };
        /** @description Whom to invite, as what. */
        InvitationCreate: {
            /** Format: email */
            email: string;
            message?: string | null;
            /**
             * @default member
             * @enum {string}
             */
            role?: "admin" | "manager" | "member" | "viewer";
            tier_id?: string | null;
        };
        /** @description The membership that an accepted invitation made. */
        Joined: {
            /** Format: date-time */
            joined_at: string;
            organization: components["schemas"]["OrganizationName"];
            /** @enum {string} */
            role: "owner" | "admin" | "manager" | "member" | "viewer";
            tier: components["schemas"]["TierName"] | null;
        };
        /** @description A tier's limits on booking; null is no limit. */
        Limits: {
            max_advance_days: number | null;
            max_consecutive_days: number | null;
            max_days_per_month: number | null;
            min_cancellation_notice_hours: number | null;
            min_lead_time_hours: number | null;
            requires_approval: boolean;
        };
        /** @description Limits to set; null lifts one. */
        LimitsInput: {
            max_advance_days?: number | null;
            max_consecutive_days?: number | null;
            max_days_per_month?: number | null;
            min_cancellation_notice_hours?: number | null;
            min_lead_time_hours?: number | null;
            requires_approval?: boolean;
        };
        /** @description A request in a list, with its booking. */
        ListedApproval: {
            /** @enum {string} */
            approval_type: "any_approver" | "all_principals" | "tier_members" | "specific_users" | "quorum";
            approvers: components["schemas"]["Approver"][];
            /** @description It waits for me, or for somebody for whom I stand in. */
            can_decide: boolean;
            /** Format: date-time */
            created_at: string;
            /** @description Since then any one of the owners decides. */
            escalated_at: string | null;
            /** Format: date-time */
            expires_at: string;
            /** Format: uuid */
            id: string;
            /** @description How many have to approve. */
            required: number;
            reservation: components["schemas"]["ApprovalReservation"];
            /** @description Null where the tier's own limit asks. */
            rule_id: string | null;
            rule_name: string | null;
            rule_type: string;
            rule_version: number | null;
            /** @enum {string} */
            status: "pending" | "approved" | "rejected" | "expired" | "voided";
        };
        /** @description The booked asset. */
        ListedAsset: {
            name: string;
            /** @enum {string} */
            section: "planes" | "helicopters" | "residences" | "watercraft";
            timezone: string;
        };
        /** @description A window in a list. */
        ListedMaintenance: {
            /** Format: uuid */
            asset_id: string;
            canceled_at: string | null;
            cancellation_reason: string | null;
            /** Format: date-time */
            created_at: string;
            created_by: string | null;
            /** Format: date-time */
            end_date: string;
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            organization_id: string;
            resolution: ("cancel" | "keep") | null;
            /** Format: date-time */
            start_date: string;
            /** @enum {string} */
            status: "scheduled" | "canceled";
            title: string;
            /** Format: date-time */
            updated_at: string;
            version: number;
        };
        /** @description A booking in a list, without what only booker and managers may read. */
        ListedReservation: {
            approved_at: string | null;
            approved_by: string | null;
            asset: components["schemas"]["ListedAsset"] | null;
            /** Format: uuid */
            asset_id: string;
            /** @default null */
            booked_by?: string | null;
            canceled_at: string | null;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            end_date: string;
            guest_count: number | null;
            /** @default null */
            hold_expires_at?: string | null;
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            organization_id: string;
            series_id: string | null;
            /** Format: date-time */
            start_date: string;
            /** @enum {string} */
            status: "hold" | "pending" | "approved" | "rejected" | "canceled" | "completed" | "expired" | "displaced";
            title: string;
            /** Format: date-time */
            updated_at: string;
            user_id: string | null;
            version: number;
        };
        /** @description The process answers. */
        Liveness: {
            /** @constant */
            status: "alive";
        };
        /** @description Time in which an asset cannot be booked; `canceled_reservation_ids` in the answer to a write. */
        Maintenance: {
            /** Format: uuid */
            asset_id: string;
            canceled_at: string | null;
            canceled_reservation_ids?: string[];
            cancellation_reason: string | null;
            /** Format: date-time */
            created_at: string;
            created_by: string | null;
            /** Format: date-time */
            end_date: string;
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            organization_id: string;
            resolution: ("cancel" | "keep") | null;
            /** Format: date-time */
            start_date: string;
            /** @enum {string} */
            status: "scheduled" | "canceled";
            time_zone: string;
            title: string;
            /** Format: date-time */
            updated_at: string;
            version: number;
        };
        /** @description What is to be different; `resolution` and `reason` are for the bookings in the window's new way. */
        MaintenanceChanges: {
            /** Format: uuid */
            asset_id?: string;
            /** Format: date-time */
            end_date?: string;
            reason?: string | null;
            resolution?: ("cancel" | "keep") | null;
            /** Format: date-time */
            start_date?: string;
            title?: string;
        };
        /** @description Maintenance wished for. */
        MaintenanceCreate: {
            /** Format: date-time */
            end_date: string;
            reason?: string | null;
            resolution?: ("cancel" | "keep") | null;
            /** Format: date-time */
            start_date: string;
            title: string;
        };
        /** @description A window on the calendar: what every member who may see the asset may see. */
        MaintenanceEntry: {
            /** Format: uuid */
            asset_id: string;
            /** Format: date-time */
            end_date: string;
            /** Format: uuid */
            id: string;
            /** Format: date-time */
            start_date: string;
            /** @enum {string} */
            status: "scheduled" | "canceled";
            title: string;
            version: number;
        };
        /** @description Who is asking; `aal` is the assurance level of this sign-in. */
        Me: {
            /** @enum {string} */
            aal: "aal1" | "aal2";
            memberships: components["schemas"]["Membership"][];
            profile: components["schemas"]["Profile"];
            user: components["schemas"]["User"];
        };
        /** @description A member; email and phone are there for managers and above, and on one's own entry. */
        Member: {
            avatar_url: string | null;
            /** @default null */
            email?: string | null;
            first_name: string | null;
            /** Format: date-time */
            joined_at: string;
            last_name: string | null;
            /** @default null */
            phone?: string | null;
            /** @enum {string} */
            role: "owner" | "admin" | "manager" | "member" | "viewer";
            tier: components["schemas"]["TierName"] | null;
            tier_id: string | null;
            /** Format: uuid */
            user_id: string;
            version: number;
        };
        /** @description What admins may change of a member; only owners make owners. A tier of null is the default tier. */
        MemberChanges: {
            /** @enum {string} */
            role?: "owner" | "admin" | "manager" | "member" | "viewer";
            tier_id?: string | null;
        };
        /** @description A role in an organisation. */
        Membership: {
            features: components["schemas"]["Features"];
            /** Format: date-time */
            joined_at: string;
            organization: components["schemas"]["OrganizationName"];
            /** @enum {string} */
            role: "owner" | "admin" | "manager" | "member" | "viewer";
            tier: components["schemas"]["TierName"] | null;
        };
        /** @description About the answer: `duration` in milliseconds; `cached` where the data may be older than the request. */
        Metadata: {
            cached: boolean;
            duration: number;
            requestId: string;
        };
        /** @description An invitation with its token, which is shown this once. */
        NewInvitation: {
            accepted_at: string | null;
            accepted_by: string | null;
            /** Format: date-time */
            created_at: string;
            email: string;
            /** Format: date-time */
            expires_at: string;
            /** Format: uuid */
            id: string;
            invited_by: string | null;
            invited_by_name: string | null;
            message: string | null;
            /** Format: uuid */
            organization_id: string;
            revoked_at: string | null;
            /** @enum {string} */
            role: "admin" | "manager" | "member" | "viewer";
            /** @enum {string} */
            status: "open" | "accepted" | "revoked" | "expired";
            tier: components["schemas"]["TierName"] | null;
            tier_id: string | null;
            token: string;
            /** Format: date-time */
            updated_at: string;
            version: number;
        };
        /** @description What an error says that stops one operation. */
        OperationError: {
            code: string;
            details?: {
                [key: string]: unknown;
            } | null;
            message: string;
        };
        /** @description What became of one operation: `asset` as it then is, or `error`. */
        OperationResult: {
            /** @default null */
            asset?: components["schemas"]["Asset"] | null;
            /** @default null */
            error?: components["schemas"]["OperationError"] | null;
            index: number;
            /** @default null */
            op?: unknown;
            /** @enum {string} */
            status: "ok" | "error";
        };
        /**
         * @description A family office, company or ownership group.
         *
         *     Read by itself, it comes with the sections that may get assets and, for admins and owners, its
         *     subscription.
         */
        Organization: {
            address: components["schemas"]["AddressRead"] | null;
            billing_email: string | null;
            commercial_name: string | null;
            /** Format: date-time */
            created_at: string;
            dv: string | null;
            entitlements?: ("planes" | "helicopters" | "residences" | "watercraft")[];
            /** Format: uuid */
            id: string;
            is_active: boolean;
            legal_name: string;
            logo_url: string | null;
            phone: string | null;
            require_mfa: boolean;
            ruc: string | null;
            /** @default null */
            subscription?: components["schemas"]["Subscription"] | null;
            timezone: string;
            /** Format: date-time */
            updated_at: string;
            version: number;
        };
        /** @description What admins may change; null empties a field that may be empty. */
        OrganizationChanges: {
            address?: components["schemas"]["Address"] | null;
            billing_email?: string | null;
            commercial_name?: string | null;
            dv?: string | null;
            legal_name?: string;
            logo_url?: string | null;
            phone?: string | null;
            require_mfa?: boolean;
            ruc?: string | null;
            /**
             * @description IANA time zone
             * @example America/Panama
             */
            timezone?: string;
        };
        /** @description A new organisation; the caller becomes its owner. `ruc` and `dv` are the Panamanian tax number. */
        OrganizationCreate: {
            address?: components["schemas"]["Address"] | null;
            billing_email?: string | null;
            commercial_name?: string | null;
            dv?: string | null;
            legal_name: string;
            logo_url?: string | null;
            phone?: string | null;
            ruc?: string | null;
            /**
             * @description IANA time zone
             * @example America/Panama
             */
            timezone?: string;
        };
        /** @description An organisation as a switcher shows it. */
        OrganizationName: {
            commercial_name: string | null;
            /** Format: uuid */
            id: string;
            legal_name: string;
            logo_url: string | null;
            timezone: string;
        };
        /** @description Figures of an organisation, refreshed about once a minute; `as_of` says when. */
        OrganizationStats: {
            /** Format: date-time */
            as_of: string;
            asset_count: number;
            assets_by_section: components["schemas"]["AssetsBySection"];
            member_count: number;
            /** Format: uuid */
            organization_id: string;
            pending_approvals: number;
            upcoming_bookings: number;
        };
        /** @description Rules to set aside, and why. Only rules that allow it to my role; it is kept with the booking. */
        Override: {
            reason: string;
            rule_ids: string[];
        };
        /** @description Which part of the list this is. */
        Pagination: {
            hasNext: boolean;
            hasPrevious: boolean;
            page: number;
            pageSize: number;
            totalItems: number;
            totalPages: number;
        };
        /** @description A photo. `url` is good for an hour where the photo lies in Storage; null if it cannot be read there. */
        Photo: {
            /** Format: uuid */
            asset_id: string;
            caption: string | null;
            /** Format: date-time */
            created_at: string;
            display_order: number;
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            organization_id: string;
            path: string | null;
            /** Format: date-time */
            updated_at: string;
            url: string | null;
            version: number;
        };
        /** @description What admins may change of a photo. */
        PhotoChanges: {
            caption?: string | null;
            /** @description The smallest comes first. */
            display_order?: number;
        };
        /** @description An uploaded photo. */
        PhotoCreate: {
            caption?: string | null;
            /** @description The smallest comes first. */
            display_order?: number;
            path: string;
        };
        /** @description The photo that is to be uploaded: its type, and its size in bytes. */
        PhotoUpload: {
            /** @enum {string} */
            content_type: "image/jpeg" | "image/png" | "image/webp" | "image/avif";
            size: number;
        };
        /** @description PUT the bytes to `url` with this `content_type`, then register the photo by its `path`. */
        PhotoUploadUrl: {
            bucket: string;
            content_type: string;
            /**
             * @default PUT
             * @constant
             */
            method?: "PUT";
            path: string;
            /** @description For `uploadToSignedUrl(path, token, file)` of Supabase's clients. */
            token: string;
            url: string;
        };
        /** @description What one rule would ask for a booking that was previewed, and of whom. */
        PlannedApproval: {
            /** @enum {string} */
            approval_type: "any_approver" | "all_principals" | "tier_members" | "specific_users" | "quorum";
            approvers: string[];
            /** @description How many have to approve. */
            required: number;
            /** @description Null where the tier's own limit asks. */
            rule_id: string | null;
            rule_name: string | null;
            rule_type: string;
            rule_version: number | null;
            timeout_hours: number;
        };
        /** @description What a booking would come to. Nothing was written, and nothing is promised. */
        Preview: {
            alternatives: components["schemas"]["Slot"][];
            /** @description Who would have to approve it. */
            approvals: components["schemas"]["PlannedApproval"][];
            conflicts: components["schemas"]["Conflict"][];
            displaceable: boolean;
            /** @enum {string} */
            outcome: "approved" | "pending" | "refused" | "conflict";
            overridden: components["schemas"]["AppliedOverride"][];
            time_zone: string;
            violations: components["schemas"]["Violation"][];
        };
        /** @description What a person says of themselves. */
        Profile: {
            avatar_url: string | null;
            /** Format: date-time */
            created_at: string;
            email: string | null;
            first_name: string | null;
            /** Format: uuid */
            id: string;
            last_name: string | null;
            locale: string;
            phone: string | null;
            timezone: string;
            /** Format: date-time */
            updated_at: string;
            version: number;
        };
        /** @description What one may change of one's own profile. */
        ProfileChanges: {
            avatar_url?: string | null;
            first_name?: string | null;
            last_name?: string | null;
            /** @enum {string} */
            locale?: "en" | "es";
            phone?: string | null;
            /**
             * @description IANA time zone
             * @example America/Panama
             */
            timezone?: string;
        };
        /** @description The refresh token that the last answer held. */
        Refresh: {
            refresh_token: string;
        };
        /**
         * @description A booking.
         *
         *     Notes, metadata, guests, overrides and reasons are there for its booker and for managers only, approvals
         *     for those whom they concern too.
         */
        Reservation: {
            /**
             * @description Who has to approve, and what they said.
             * @default null
             */
            approvals?: components["schemas"]["ApprovalRequest"][] | null;
            /** @default null */
            approved_at?: string | null;
            /** @default null */
            approved_by?: string | null;
            /** Format: uuid */
            asset_id: string;
            /** @default null */
            booked_by?: string | null;
            /** @default null */
            canceled_at?: string | null;
            cancellation_reason?: string | null;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            end_date: string;
            guest_count: number | null;
            guests?: components["schemas"]["GuestRead"][];
            /** @default null */
            hold_expires_at?: string | null;
            /** Format: uuid */
            id: string;
            /** @default null */
            metadata?: {
                [key: string]: unknown;
            } | null;
            /** @default null */
            notes?: string | null;
            /** Format: uuid */
            organization_id: string;
            overrides?: components["schemas"]["AppliedOverride"][];
            rejected_reason?: string | null;
            /** @default null */
            series_id?: string | null;
            /** Format: date-time */
            start_date: string;
            /** @enum {string} */
            status: "hold" | "pending" | "approved" | "rejected" | "canceled" | "completed" | "expired" | "displaced";
            time_zone: string;
            title: string;
            /** Format: date-time */
            updated_at: string;
            user_id: string | null;
            version: number;
        };
        /** @description What is to be different; a changed time or asset is judged anew and voids approvals. */
        ReservationChanges: {
            /** Format: uuid */
            asset_id?: string;
            /** Format: date-time */
            end_date?: string;
            guest_count?: number | null;
            guests?: components["schemas"]["Guest"][] | null;
            metadata?: {
                [key: string]: unknown;
            } | null;
            notes?: string | null;
            override?: components["schemas"]["Override"] | null;
            /** Format: date-time */
            start_date?: string;
            title?: string;
        };
        /** @description A booking wished for; `metadata` holds legs, ports and passengers. */
        ReservationCreate: {
            /** Format: uuid */
            asset_id: string;
            /**
             * @description Push aside bookings of weaker tiers that have not begun, where my tier may. A conflict says `displaceable` where it would have helped.
             * @default false
             */
            displace?: boolean;
            /** Format: date-time */
            end_date: string;
            guest_count?: number | null;
            guests?: components["schemas"]["Guest"][] | null;
            /** @description My hold of the asset, which becomes the booking. */
            hold_id?: string | null;
            metadata?: {
                [key: string]: unknown;
            } | null;
            notes?: string | null;
            override?: components["schemas"]["Override"] | null;
            /** Format: date-time */
            start_date: string;
            title: string;
        };
        /** @description A rule. A tier of null is every tier, asset ids of null are every asset. */
        Rule: {
            applies_to_all_assets: boolean;
            /** @enum {string} */
            approval_type: "any_approver" | "all_principals" | "tier_members" | "specific_users" | "quorum";
            approver_tier_id: string | null;
            approver_user_ids: string[] | null;
            asset_ids: string[] | null;
            conditions: {
                [key: string]: unknown;
            };
            /** Format: date-time */
            created_at: string;
            description: string | null;
            /** @enum {string} */
            effect: "deny" | "require_approval";
            /** Format: uuid */
            id: string;
            is_active: boolean;
            is_override: boolean;
            name: string;
            /** Format: uuid */
            organization_id: string;
            overridable_by: ("owner" | "admin" | "manager" | "member" | "viewer")[];
            priority: number;
            quorum: number | null;
            /** @enum {string} */
            rule_type: "date_range" | "holiday" | "lead_time" | "advance_window" | "duration" | "max_consecutive_days" | "quota" | "consecutive_booking" | "concurrent_booking" | "max_open" | "custom";
            tier_id: string | null;
            timeout_hours: number;
            /** Format: date-time */
            updated_at: string;
            version: number;
        };
        /** @description What is to be different; conditions are replaced as a whole. */
        RuleChanges: {
            /** @enum {string} */
            approval_type?: "any_approver" | "all_principals" | "tier_members" | "specific_users" | "quorum";
            approver_tier_id?: string | null;
            approver_user_ids?: string[] | null;
            asset_ids?: string[] | null;
            conditions?: {
                [key: string]: unknown;
            };
            description?: string | null;
            /** @enum {string} */
            effect?: "deny" | "require_approval";
            is_active?: boolean;
            is_override?: boolean;
            name?: string;
            overridable_by?: ("owner" | "admin" | "manager" | "member" | "viewer")[];
            priority?: number;
            quorum?: number | null;
            /** @enum {string} */
            rule_type?: "date_range" | "holiday" | "lead_time" | "advance_window" | "duration" | "max_consecutive_days" | "quota" | "consecutive_booking" | "concurrent_booking" | "max_open" | "custom";
            tier_id?: string | null;
            timeout_hours?: number;
        };
        /** @description A new rule; `conditions` are those of its type. */
        RuleCreate: {
            /** @enum {string} */
            approval_type?: "any_approver" | "all_principals" | "tier_members" | "specific_users" | "quorum";
            approver_tier_id?: string | null;
            approver_user_ids?: string[] | null;
            asset_ids?: string[] | null;
            conditions?: {
                [key: string]: unknown;
            };
            description?: string | null;
            /** @enum {string} */
            effect?: "deny" | "require_approval";
            is_active?: boolean;
            is_override?: boolean;
            name: string;
            overridable_by?: ("owner" | "admin" | "manager" | "member" | "viewer")[];
            priority?: number;
            quorum?: number | null;
            /** @enum {string} */
            rule_type: "date_range" | "holiday" | "lead_time" | "advance_window" | "duration" | "max_consecutive_days" | "quota" | "consecutive_booking" | "concurrent_booking" | "max_open" | "custom";
            tier_id?: string | null;
            timeout_hours?: number;
        };
        /** @description A series. Its instances are reservations; `rrule` tells how they were laid out. */
        Series: {
            /** Format: uuid */
            asset_id: string;
            /** @default null */
            booked_by?: string | null;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            end_date: string;
            exdates: string[];
            /** Format: uuid */
            id: string;
            instances: components["schemas"]["SeriesInstance"][];
            /** Format: uuid */
            organization_id: string;
            rrule: string;
            /** @description How many days after the rule's the instances lie, since all were moved. */
            shifted_days: number;
            /** Format: date-time */
            start_date: string;
            time_zone: string;
            title: string;
            /** Format: date-time */
            updated_at: string;
            user_id: string | null;
            version: number;
        };
        /** @description A series wished for. Times are those of the first instance; all have its length and its local time. */
        SeriesCreate: {
            /** Format: uuid */
            asset_id: string;
            /** Format: date-time */
            end_date: string;
            /** @description Starts of instances that are left out. */
            exdates?: string[];
            guest_count?: number | null;
            guests?: components["schemas"]["Guest"][] | null;
            metadata?: {
                [key: string]: unknown;
            } | null;
            notes?: string | null;
            /**
             * @description `skip` leaves out the instances that cannot be booked; else one refuses them all.
             * @default all_or_nothing
             * @enum {string}
             */
            on_conflict?: "all_or_nothing" | "skip";
            override?: components["schemas"]["Override"] | null;
            /**
             * @description RFC 5545, 3.3.10, with COUNT or UNTIL and at most 366 instances: FREQ from DAILY to YEARLY, INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS, WKST. Any other part is refused by name.
             * @example FREQ=WEEKLY;BYDAY=TU;COUNT=10
             */
            rrule: string;
            /** Format: date-time */
            start_date: string;
            title: string;
        };
        /**
         * @description An instance: a booking, or why there is none.
         *
         *     `outcome` is the booking's status; or `conflict`, `refused` or `excluded` where it was never booked.
         */
        SeriesInstance: {
            /** @default null */
            asset_id?: string | null;
            /** @description What stands in the way, five at most. */
            conflicts?: unknown[];
            /**
             * @description Moved by itself: it keeps its time when others move.
             * @default false
             */
            detached?: boolean;
            /** Format: date-time */
            end_date: string;
            index: number;
            outcome: string;
            reservation_id: string | null;
            /** Format: date-time */
            start_date: string;
            violations?: components["schemas"]["Violation"][];
        };
        /** @description A session's tokens, named as Supabase names them: `supabase.auth.setSession` takes this as it is. */
        SignedIn: {
            /**
             * @description What the session is at.
             * @default aal1
             * @enum {string}
             */
            aal?: "aal1" | "aal2";
            access_token: string;
            /** @description Unix seconds. */
            expires_at: number;
            /** @description Seconds. */
            expires_in: number;
            /**
             * @description What it could be at: `aal2` where the user has a verified factor.
             * @default aal1
             * @enum {string}
             */
            next_aal?: "aal1" | "aal2";
            /** @description Good once. */
            refresh_token: string;
            /** @constant */
            token_type: "bearer";
            user: components["schemas"]["SignedInUser"];
        };
        /** @description Whose session it is. */
        SignedInUser: {
            /** @default null */
            email?: string | null;
            factors: components["schemas"]["Factor"][];
            /** Format: uuid */
            id: string;
        };
        /** @description An address and its password. */
        SignIn: {
            /** Format: email */
            email: string;
            /** Format: password */
            password: string;
        };
        /** @description Which sessions to end: this one, the user's others, or all. */
        SignOut: {
            /**
             * @default local
             * @enum {string}
             */
            scope?: "local" | "others" | "global";
        };
        /** @description A free time of the same length. */
        Slot: {
            /** Format: date-time */
            end_date: string;
            /** Format: date-time */
            start_date: string;
        };
        /** @description An event of the stream, as its fields stand on the wire; docs/stream.md says what `data` holds. */
        StreamEvent: {
            data: string;
            /** @enum {string} */
            event: "ready" | "reservation_created" | "reservation_updated" | "reservation_canceled" | "maintenance_scheduled" | "maintenance_updated" | "maintenance_canceled" | "heartbeat" | "reset" | "reauth" | "bye";
            /**
             * @description The cursor of this moment.
             * @default
             */
            id?: string;
            /**
             * @description Milliseconds to wait before one connects anew.
             * @default 0
             */
            retry?: number;
        };
        /** @description Good once, for that organisation, until it expires. */
        StreamTicket: {
            /** Format: date-time */
            expires_at: string;
            ticket: string;
        };
        /** @description Which organisation's stream is to be opened. */
        StreamTicketRequest: {
            /** Format: uuid */
            organization_id: string;
        };
        /** @description What is paid for; seats bound invitations. */
        Subscription: {
            seat_limit: number;
            /** @enum {string} */
            status: "trial" | "active" | "past_due" | "canceled" | "complimentary";
            trial_ends_at: string | null;
        };
        /** @description A tier: lower priorities are stronger; sections of null are all of them. */
        Tier: {
            can_override: boolean;
            color: string | null;
            /** Format: date-time */
            created_at: string;
            description: string | null;
            /** Format: uuid */
            id: string;
            is_default: boolean;
            limits: components["schemas"]["Limits"] | null;
            name: string;
            /** Format: uuid */
            organization_id: string;
            priority: number;
            sections: ("planes" | "helicopters" | "residences" | "watercraft")[] | null;
            /** Format: date-time */
            updated_at: string;
            version: number;
        };
        /** @description What is to be different; of the limits, too, only what is named. Limits of null lifts them all. */
        TierChanges: {
            can_override?: boolean;
            color?: string | null;
            description?: string | null;
            is_default?: boolean;
            limits?: components["schemas"]["LimitsInput"] | null;
            name?: string;
            priority?: number;
            sections?: ("planes" | "helicopters" | "residences" | "watercraft")[] | null;
        };
        /** @description A new tier. A new default takes over from the old one. */
        TierCreate: {
            can_override?: boolean;
            color?: string | null;
            description?: string | null;
            is_default?: boolean;
            limits?: components["schemas"]["LimitsInput"] | null;
            name: string;
            priority: number;
            sections?: ("planes" | "helicopters" | "residences" | "watercraft")[] | null;
        };
        /** @description A tier as others see it; a lower priority is stronger. */
        TierName: {
            color: string | null;
            /** Format: uuid */
            id: string;
            name: string;
            priority: number;
        };
        /** @description The account at Supabase Auth. */
        User: {
            email: string | null;
            /** Format: uuid */
            id: string;
        };
        /** @description Somebody's second factors. */
        UserFactors: {
            factors: components["schemas"]["Factor"][];
        };
        /**
         * @description Approved and completed bookings, cut at the window's ends.
         *
         *     `days` are local days of an asset on which it was booked at all; `utilization` is `hours` of
         *     `capacity_hours`, all hours of the window for each asset. Maintenance is in neither; null for a member.
         */
        Utilization: {
            bookings: number;
            capacity_hours: number;
            days: number;
            hours: number;
            maintenance_hours: number | null;
            nights: number;
            utilization: number;
        };
        /** @description How much the assets of an organisation were booked. */
        UtilizationReport: {
            /** Format: date-time */
            from: string;
            /** @enum {string} */
            group_by: "asset" | "member" | "section" | "month";
            /** Format: uuid */
            organization_id: string;
            rows: components["schemas"]["UtilizationRow"][];
            section: ("planes" | "helicopters" | "residences" | "watercraft") | null;
            time_zone: string;
            /** Format: date-time */
            to: string;
            totals: components["schemas"]["Utilization"];
        };
        /** @description One asset, member, section or month (`2026-11`); a member without `key` was deleted. */
        UtilizationRow: {
            bookings: number;
            capacity_hours: number;
            days: number;
            hours: number;
            key: string | null;
            label: string | null;
            maintenance_hours: number | null;
            nights: number;
            utilization: number;
        };
        /** @description A rule that refuses the booking or asks for approval; `code` and `params` are for an app to word it. */
        Violation: {
            code: string;
            /** @enum {string} */
            effect: "deny" | "require_approval";
            message: string;
            /** @description Whether my role may set it aside. */
            overridable: boolean;
            params: {
                [key: string]: unknown;
            };
            ruleId: string | null;
            /** @default null */
            ruleName?: string | null;
            ruleType: string;
            /** @default null */
            ruleVersion?: number | null;
        };
        /** @description What the booking shall say; what is left out is as it was when the waiting began. */
        WaitlistAcceptance: {
            guest_count?: number | null;
            notes?: string | null;
            title?: string | null;
        };
        /** @description What somebody waits for; while it is offered, a hold keeps the time until `offer_expires_at`. */
        WaitlistEntry: {
            /** Format: uuid */
            asset_id: string;
            /** Format: date-time */
            created_at: string;
            displaced_reservation_id: string | null;
            /** Format: date-time */
            end_date: string;
            guest_count: number | null;
            hold_id: string | null;
            /** Format: uuid */
            id: string;
            name: string | null;
            offer_expires_at: string | null;
            /** Format: uuid */
            organization_id: string;
            passed_over_at: string | null;
            passed_over_violations: components["schemas"]["Violation"][];
            reservation_id: string | null;
            /** Format: date-time */
            start_date: string;
            /** @enum {string} */
            status: "waiting" | "offered" | "accepted" | "expired" | "canceled";
            time_zone: string;
            title: string;
            /** Format: date-time */
            updated_at: string;
            /** Format: uuid */
            user_id: string;
            version: number;
        };
        /** @description What to wait for; the time must be taken now. */
        WaitlistJoin: {
            /** Format: uuid */
            asset_id: string;
            /** Format: date-time */
            end_date: string;
            guest_count?: number | null;
            /** Format: date-time */
            start_date: string;
            title: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: {
        /** @description Of each policy what remains (`r`), and the seconds until there is more (`t`) (draft-ietf-httpapi-ratelimit-headers-11). */
        RateLimit: string;
        /** @description The policies: requests (`q`) in a window of seconds (`w`), or streams at once (`qu`) (draft-ietf-httpapi-ratelimit-headers-11). */
        "RateLimit-Policy": string;
        /** @description Requests in a window, of the policy that is nearest to its end. */
        "X-RateLimit-Limit": number;
        /** @description Further requests that this policy would let in now. */
        "X-RateLimit-Remaining": number;
        /** @description When it would let in one more than that, in Unix milliseconds. */
        "X-RateLimit-Reset": number;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    read_docs: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    read_health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    read_liveness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Liveness"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    read_metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    read_openapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    list_delegations: {
        parameters: {
            query: {
                organization_id: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Delegation"][];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    create_delegation: {
        parameters: {
            query?: never;
            header?: {
                /** @description Sent again with the same body within 24 hours, it gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DelegationCreate"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Delegation"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    delete_delegation: {
        parameters: {
            query: {
                id: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Delegation"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    read_asset: {
        parameters: {
            query?: never;
            header?: {
                /** @description 304 if the resource still has this ETag. */
                "If-None-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Asset"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description Not Modified */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    archive_asset: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    update_asset: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AssetChanges"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Asset"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    read_availability: {
        parameters: {
            query: {
                end: string;
                exclude?: string;
                start: string;
            };
            header?: never;
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Availability"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    list_maintenance: {
        parameters: {
            query?: {
                from?: string;
                page?: number;
                pageSize?: number;
                sort?: "start_date" | "-start_date" | "created_at" | "-created_at";
                status?: ("scheduled" | "canceled")[];
                to?: string;
            };
            header?: never;
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["ListedMaintenance"][];
                        metadata: components["schemas"]["Metadata"];
                        pagination: components["schemas"]["Pagination"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    create_maintenance: {
        parameters: {
            query?: never;
            header?: {
                /** @description Sent again with the same body within 24 hours, it gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MaintenanceCreate"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Maintenance"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    list_photos: {
        parameters: {
            query?: {
                page?: number;
                pageSize?: number;
            };
            header?: never;
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Photo"][];
                        metadata: components["schemas"]["Metadata"];
                        pagination: components["schemas"]["Pagination"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    register_photo: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PhotoCreate"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Photo"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    plan_upload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PhotoUpload"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["PhotoUploadUrl"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    restore_asset: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Asset"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    list_factors: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["UserFactors"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    enroll_factor: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["FactorCreate"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Enrollment"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    unenroll_factor: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    challenge_factor: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["ChallengeCreate"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Challenge"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    verify_factor: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FactorVerify"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["SignedIn"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    refresh_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Refresh"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["SignedIn"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    sign_in: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignIn"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["SignedIn"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    sign_out: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["SignOut"];
            };
        };
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    create_hold: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HoldCreate"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Hold"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    release_hold: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    accept_invitation: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Acceptance"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Joined"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    read_maintenance: {
        parameters: {
            query?: never;
            header?: {
                /** @description 304 if the resource still has this ETag. */
                "If-None-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Maintenance"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description Not Modified */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    cancel_maintenance: {
        parameters: {
            query?: {
                reason?: string;
            };
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    update_maintenance: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MaintenanceChanges"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Maintenance"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    read_me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Me"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    update_me: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProfileChanges"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Me"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    list_organizations: {
        parameters: {
            query?: {
                page?: number;
                pageSize?: number;
                sort?: "legal_name" | "-legal_name" | "created_at" | "-created_at";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Organization"][];
                        metadata: components["schemas"]["Metadata"];
                        pagination: components["schemas"]["Pagination"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    create_organization: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OrganizationCreate"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Organization"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    read_organization: {
        parameters: {
            query?: never;
            header?: {
                /** @description 304 if the resource still has this ETag. */
                "If-None-Match"?: string;
            };
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Organization"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description Not Modified */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    delete_organization: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    update_organization: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OrganizationChanges"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Organization"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    list_approvals: {
        parameters: {
            query?: {
                page?: number;
                pageSize?: number;
                scope?: "mine" | "requested" | "all";
                status?: "pending" | "approved" | "rejected" | "expired" | "voided";
            };
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["ListedApproval"][];
                        metadata: components["schemas"]["Metadata"];
                        pagination: components["schemas"]["Pagination"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    list_assets: {
        parameters: {
            query?: {
                capacity_min?: number;
                details?: {
                    [key: string]: string;
                };
                free_from?: string;
                free_to?: string;
                page?: number;
                pageSize?: number;
                q?: string;
                section?: "planes" | "helicopters" | "residences" | "watercraft";
                sort?: "name" | "-name" | "capacity" | "-capacity" | "section" | "-section" | "created_at" | "-created_at" | "relevance" | "-relevance";
                status?: "active" | "inactive" | "archived";
            };
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Asset"][];
                        metadata: components["schemas"]["Metadata"];
                        pagination: components["schemas"]["Pagination"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    create_asset: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AssetCreate"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Asset"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    bulk_assets: {
        parameters: {
            query?: never;
            header?: {
                /** @description Sent again with the same body within 24 hours, it gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BulkAssets"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["BulkResults"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    list_audit_logs: {
        parameters: {
            query?: {
                action?: string;
                cursor?: string;
                from?: string;
                pageSize?: number;
                request_id?: string;
                resource_id?: string;
                resource_type?: string;
                to?: string;
                user_id?: string;
            };
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["AuditPage"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    verify_audit_chain: {
        parameters: {
            query?: {
                from_position?: number;
                known_hash?: string;
                known_position?: number;
                limit?: number;
            };
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["AuditVerification"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    list_blackouts: {
        parameters: {
            query?: {
                asset_id?: string;
                from?: string;
                page?: number;
                pageSize?: number;
                tier_id?: string;
                to?: string;
            };
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Blackout"][];
                        metadata: components["schemas"]["Metadata"];
                        pagination: components["schemas"]["Pagination"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    create_blackout: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BlackoutCreate"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Blackout"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    delete_blackout: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    update_blackout: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BlackoutChanges"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Blackout"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    read_calendar: {
        parameters: {
            query: {
                asset_id?: string[];
                from: string;
                section?: "planes" | "helicopters" | "residences" | "watercraft";
                to: string;
            };
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Calendar"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    stream_calendar: {
        parameters: {
            query?: {
                asset_id?: string[];
                cursor?: string;
                section?: ("planes" | "helicopters" | "residences" | "watercraft")[];
                ticket?: string;
            };
            header?: {
                /** @description Resume after this event; wins over `cursor`. */
                "Last-Event-ID"?: string;
            };
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["StreamEvent"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    export_audit_logs: {
        parameters: {
            query?: {
                action?: string;
                from?: string;
                request_id?: string;
                resource_id?: string;
                resource_type?: string;
                to?: string;
                user_id?: string;
            };
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/csv": string;
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    list_holidays: {
        parameters: {
            query?: {
                page?: number;
                pageSize?: number;
            };
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Holiday"][];
                        metadata: components["schemas"]["Metadata"];
                        pagination: components["schemas"]["Pagination"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    create_holiday: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HolidayCreate"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Holiday"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    delete_holiday: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    update_holiday: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HolidayChanges"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Holiday"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    list_invitations: {
        parameters: {
            query?: {
                page?: number;
                pageSize?: number;
                status?: "open" | "accepted" | "revoked" | "expired";
            };
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Invitation"][];
                        metadata: components["schemas"]["Metadata"];
                        pagination: components["schemas"]["Pagination"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    create_invitation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["InvitationCreate"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["NewInvitation"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    revoke_invitation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of what the path names. */
                id: string;
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    list_members: {
        parameters: {
            query?: {
                page?: number;
                pageSize?: number;
                role?: "owner" | "admin" | "manager" | "member" | "viewer";
                tier_id?: string;
            };
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Member"][];
                        metadata: components["schemas"]["Metadata"];
                        pagination: components["schemas"]["Pagination"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    remove_member: {
        parameters: {
            query?: {
                future_bookings?: "cancel";
                transfer_to?: string;
            };
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description An organisation's id. */
                org: string;
                /** @description A member's user id. */
                user: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    update_member: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description An organisation's id. */
                org: string;
                /** @description A member's user id. */
                user: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MemberChanges"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Member"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    read_utilization: {
        parameters: {
            query: {
                from: string;
                group_by?: "asset" | "member" | "section" | "month";
                section?: "planes" | "helicopters" | "residences" | "watercraft";
                to: string;
            };
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["UtilizationReport"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    list_reservations: {
        parameters: {
            query?: {
                asset_id?: string;
                from?: string;
                page?: number;
                pageSize?: number;
                q?: string;
                sort?: "start_date" | "-start_date" | "created_at" | "-created_at";
                status?: ("hold" | "pending" | "approved" | "rejected" | "canceled" | "completed" | "expired" | "displaced")[];
                to?: string;
                user_id?: string;
            };
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["ListedReservation"][];
                        metadata: components["schemas"]["Metadata"];
                        pagination: components["schemas"]["Pagination"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    restore_organization: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Organization"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    list_rules: {
        parameters: {
            query?: {
                asset_id?: string;
                is_active?: boolean;
                page?: number;
                pageSize?: number;
                rule_type?: "date_range" | "holiday" | "lead_time" | "advance_window" | "duration" | "max_consecutive_days" | "quota" | "consecutive_booking" | "concurrent_booking" | "max_open" | "custom";
                tier_id?: string;
            };
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Rule"][];
                        metadata: components["schemas"]["Metadata"];
                        pagination: components["schemas"]["Pagination"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    create_rule: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RuleCreate"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Rule"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    delete_rule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    update_rule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RuleChanges"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Rule"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    read_stats: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["OrganizationStats"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    list_tiers: {
        parameters: {
            query?: {
                page?: number;
                pageSize?: number;
            };
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Tier"][];
                        metadata: components["schemas"]["Metadata"];
                        pagination: components["schemas"]["Pagination"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    create_tier: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TierCreate"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Tier"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    delete_tier: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    update_tier: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TierChanges"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Tier"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    list_waitlist: {
        parameters: {
            query?: {
                asset_id?: string;
                page?: number;
                pageSize?: number;
                scope?: "mine" | "all";
                status?: "waiting" | "offered" | "accepted" | "expired" | "canceled";
            };
            header?: never;
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["WaitlistEntry"][];
                        metadata: components["schemas"]["Metadata"];
                        pagination: components["schemas"]["Pagination"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    join_waitlist: {
        parameters: {
            query?: never;
            header?: {
                /** @description Sent again with the same body within 24 hours, it gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description An organisation's id. */
                org: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WaitlistJoin"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["WaitlistEntry"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    delete_photo: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    update_photo: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PhotoChanges"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Photo"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    create_reservation: {
        parameters: {
            query?: never;
            header?: {
                /** @description Sent again with the same body within 24 hours, it gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReservationCreate"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Reservation"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    read_reservation: {
        parameters: {
            query?: never;
            header?: {
                /** @description 304 if the resource still has this ETag. */
                "If-None-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Reservation"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description Not Modified */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    update_reservation: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReservationChanges"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Reservation"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    cancel_reservation: {
        parameters: {
            query?: never;
            header?: {
                /** @description Sent again with the same body within 24 hours, it gets the first answer again. */
                "Idempotency-Key"?: string;
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["Cancellation"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Reservation"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    decide_reservation: {
        parameters: {
            query?: never;
            header?: {
                /** @description Sent again with the same body within 24 hours, it gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Decision"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["DecidedReservation"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    restore_reservation: {
        parameters: {
            query?: never;
            header?: {
                /** @description Sent again with the same body within 24 hours, it gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Reservation"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    preview_reservation: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReservationCreate"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Preview"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    create_series: {
        parameters: {
            query?: never;
            header?: {
                /** @description Sent again with the same body within 24 hours, it gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SeriesCreate"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Series"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    read_series: {
        parameters: {
            query?: never;
            header?: {
                /** @description 304 if the resource still has this ETag. */
                "If-None-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Series"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description Not Modified */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    cancel_series: {
        parameters: {
            query: {
                from?: string;
                scope: "this" | "following" | "all";
            };
            header?: {
                /** @description Sent again with the same body within 24 hours, it gets the first answer again. */
                "Idempotency-Key"?: string;
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["Cancellation"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Series"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    update_series: {
        parameters: {
            query: {
                from?: string;
                scope: "this" | "following" | "all";
            };
            header?: {
                /** @description Sent again with the same body within 24 hours, it gets the first answer again. */
                "Idempotency-Key"?: string;
                /** @description Only if the resource still has this ETag; else 412 with the current state. */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BookingChanges"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["ChangedSeries"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    create_stream_ticket: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["StreamTicketRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["StreamTicket"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    leave_waitlist: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["WaitlistEntry"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    accept_waitlist_offer: {
        parameters: {
            query?: never;
            header?: {
                /** @description Sent again with the same body within 24 hours, it gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The id of what the path names. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["WaitlistAcceptance"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Reservation"];
                        metadata: components["schemas"]["Metadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
}
