//! The schema, one file per change.
//!
//! Migrations are plain SQL so that every constraint has the name that the store translates when it
//! is violated. They never import `entity`: an old migration must keep meaning what it meant.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

mod m20261121_000001_create_user;
mod m20261121_000002_create_identity;
mod m20261121_000003_create_session;
mod m20261121_000004_create_subject;
mod m20261121_000005_create_tutor;
mod m20261121_000006_create_offer;
mod m20261121_000007_create_weekly_rule;
mod m20261121_000008_create_lesson;
mod m20261121_000009_create_booking;
mod m20261121_000010_create_google_grant;
mod m20261121_000011_create_busy_span;
mod m20261121_000012_create_job;
mod m20261121_000013_create_idempotency_key;
mod m20261121_000014_add_lesson_calendar_event_asked_at;
mod m20261121_000015_add_job_failing_since;
mod m20261121_000020_create_centre;
mod m20261121_000021_add_tutor_policy;
mod m20261121_000022_create_date_override;
mod m20261121_000023_create_time_off;
mod m20261121_000024_create_holiday;
mod m20261121_000025_bound_lesson_length;
mod m20261121_000026_create_revision;
mod m20261121_000027_add_identity_confirmed_at;
mod m20261121_000030_create_audit_entry;
mod m20261121_000040_add_user_suspended_at;
mod m20261121_000041_create_guardianship;
mod m20261121_000042_create_invitation;
mod m20261121_000043_create_third_party_app;
mod m20261121_000044_let_apps_have_idempotency_keys;
mod m20261121_000045_index_bookings_by_start;
mod m20261121_000046_list_sessions_of_user;
mod m20261121_000047_create_sign_in_code;
mod m20261121_000050_add_user_erased_at;
mod m20261121_000051_create_grant_revocation;
mod m20261121_000052_add_subject_version;
mod m20261121_000053_add_identity_email_authoritative;
mod m20261121_000054_add_app_key_label;
mod m20261121_000055_create_pushed_request;
mod m20261121_000056_add_lesson_calendar_revision;
mod m20261121_000057_add_booking_lifecycle;
mod m20261121_000058_add_group_lessons;
mod m20261121_000060_create_cancellation_policy;
mod m20261121_000061_create_credit_ledger;
mod m20261121_000062_create_quota;
mod m20261121_000064_create_series;
mod m20261122_000066_lighten_booking;
mod m20261122_000068_create_waitlist_entry;
mod m20261122_000070_create_absence;
mod m20261122_000072_add_proposed_time;
mod m20261122_000073_mend_credit;
mod m20261122_000074_tell_of_hand_overs;
mod m20261122_000080_create_calendar;
mod m20261122_000082_create_calendar_event;
mod m20261122_000084_create_calendar_channel;
mod m20261122_000086_add_calendar_unknown;
mod m20261122_000088_choose_receiving_calendar;
mod m20261122_000096_tell_what_fails;
mod m20261122_000098_add_meet_links;
mod m20261122_000100_add_drift_policy;
mod m20261122_000102_create_calendar_drifts;
mod m20261122_000104_list_guests_of_events;
mod m20261122_000106_note_reconcile_queued;
mod m20261122_000114_index_leased_jobs;
mod m20261123_000108_add_bookable_events;
mod m20261123_000110_follow_guest_lists;
mod m20261123_000112_add_bookable_tags;

/// Every migration, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_create_user::Migration),
            Box::new(m20261121_000002_create_identity::Migration),
            Box::new(m20261121_000003_create_session::Migration),
            Box::new(m20261121_000004_create_subject::Migration),
            Box::new(m20261121_000005_create_tutor::Migration),
            Box::new(m20261121_000006_create_offer::Migration),
            Box::new(m20261121_000007_create_weekly_rule::Migration),
            Box::new(m20261121_000008_create_lesson::Migration),
            Box::new(m20261121_000009_create_booking::Migration),
            Box::new(m20261121_000010_create_google_grant::Migration),
            Box::new(m20261121_000011_create_busy_span::Migration),
            Box::new(m20261121_000012_create_job::Migration),
            Box::new(m20261121_000013_create_idempotency_key::Migration),
            Box::new(m20261121_000014_add_lesson_calendar_event_asked_at::Migration),
            Box::new(m20261121_000015_add_job_failing_since::Migration),
            Box::new(m20261121_000020_create_centre::Migration),
            Box::new(m20261121_000021_add_tutor_policy::Migration),
            Box::new(m20261121_000022_create_date_override::Migration),
            Box::new(m20261121_000023_create_time_off::Migration),
            Box::new(m20261121_000024_create_holiday::Migration),
            Box::new(m20261121_000025_bound_lesson_length::Migration),
            Box::new(m20261121_000026_create_revision::Migration),
            Box::new(m20261121_000027_add_identity_confirmed_at::Migration),
            Box::new(m20261121_000030_create_audit_entry::Migration),
            Box::new(m20261121_000040_add_user_suspended_at::Migration),
            Box::new(m20261121_000041_create_guardianship::Migration),
            Box::new(m20261121_000042_create_invitation::Migration),
            Box::new(m20261121_000043_create_third_party_app::Migration),
            Box::new(m20261121_000044_let_apps_have_idempotency_keys::Migration),
            Box::new(m20261121_000045_index_bookings_by_start::Migration),
            Box::new(m20261121_000046_list_sessions_of_user::Migration),
            Box::new(m20261121_000047_create_sign_in_code::Migration),
            Box::new(m20261121_000050_add_user_erased_at::Migration),
            Box::new(m20261121_000051_create_grant_revocation::Migration),
            Box::new(m20261121_000052_add_subject_version::Migration),
            Box::new(m20261121_000053_add_identity_email_authoritative::Migration),
            Box::new(m20261121_000054_add_app_key_label::Migration),
            Box::new(m20261121_000055_create_pushed_request::Migration),
            Box::new(m20261121_000056_add_lesson_calendar_revision::Migration),
            Box::new(m20261121_000057_add_booking_lifecycle::Migration),
            Box::new(m20261121_000058_add_group_lessons::Migration),
            Box::new(m20261121_000060_create_cancellation_policy::Migration),
            Box::new(m20261121_000061_create_credit_ledger::Migration),
            Box::new(m20261121_000062_create_quota::Migration),
            Box::new(m20261121_000064_create_series::Migration),
            Box::new(m20261122_000066_lighten_booking::Migration),
            Box::new(m20261122_000068_create_waitlist_entry::Migration),
            Box::new(m20261122_000070_create_absence::Migration),
            Box::new(m20261122_000072_add_proposed_time::Migration),
            Box::new(m20261122_000073_mend_credit::Migration),
            Box::new(m20261122_000074_tell_of_hand_overs::Migration),
            Box::new(m20261122_000080_create_calendar::Migration),
            Box::new(m20261122_000082_create_calendar_event::Migration),
            Box::new(m20261122_000084_create_calendar_channel::Migration),
            Box::new(m20261122_000086_add_calendar_unknown::Migration),
            Box::new(m20261122_000088_choose_receiving_calendar::Migration),
            Box::new(m20261122_000096_tell_what_fails::Migration),
            Box::new(m20261122_000098_add_meet_links::Migration),
            Box::new(m20261122_000100_add_drift_policy::Migration),
            Box::new(m20261122_000102_create_calendar_drifts::Migration),
            Box::new(m20261122_000104_list_guests_of_events::Migration),
            Box::new(m20261122_000106_note_reconcile_queued::Migration),
            Box::new(m20261122_000114_index_leased_jobs::Migration),
            Box::new(m20261123_000108_add_bookable_events::Migration),
            Box::new(m20261123_000110_follow_guest_lists::Migration),
            Box::new(m20261123_000112_add_bookable_tags::Migration),
        ]
    }
}
