//! What must hold of those who wait, of absences and of proposed times, asked of the tables alone.

use super::TestApp;

impl TestApp {
    /// What holds at every moment.
    pub async fn expect_promises_kept(&self) {
        self.expect_none(&[&WAITING[..], &ABSENCES, &PROPOSALS])
            .await;
    }

    /// What holds when time has done its part.
    pub async fn expect_nothing_left_open(&self) {
        self.expect_none(&[&SETTLED]).await;
    }

    /// In the queries `{now}` stands for the present.
    async fn expect_none(&self, checks: &[&[(&str, &str)]]) {
        let now = format!("'{}'::timestamptz", self.now().to_rfc3339());
        for (what, query) in checks.iter().copied().flatten() {
            assert_eq!(self.count(&query.replace("{now}", &now)).await, 0, "{what}");
        }
    }
}

const WAITING: [(&str, &str); 10] = [
    (
        "offers without a hold, or a request made of it, of the student",
        "SELECT count(*) FROM waitlist_entries AS entries WHERE status = 'offered' AND NOT EXISTS (
            SELECT FROM bookings WHERE id = booking_id AND student_id = entries.student_id AND status IN ('held', 'requested'))",
    ),
    (
        "offers and bookings of seats in another lesson than was waited for",
        "SELECT count(*) FROM waitlist_entries AS entries JOIN bookings ON bookings.id = booking_id
         WHERE entries.status IN ('offered', 'accepted') AND bookings.lesson_id <> entries.lesson_id",
    ),
    (
        "offers of what was not wished for",
        "SELECT count(*) FROM waitlist_entries AS entries JOIN bookings ON bookings.id = booking_id JOIN lessons ON lessons.id = bookings.lesson_id
         WHERE entries.status = 'offered' AND entries.lesson_id IS NULL AND bookings.status = 'held' AND NOT (
            (lessons.subject_id, lessons.level, lessons.tutor_id)
                = (entries.subject_id, entries.level, coalesce(entries.tutor_id, lessons.tutor_id))
            AND bookings.ends_at - bookings.starts_at = minutes * interval '1 minute'
            AND EXISTS (SELECT FROM unnest(window_starts, window_ends) AS windows (starts_at, ends_at)
                        WHERE windows.starts_at <= bookings.starts_at AND bookings.ends_at <= windows.ends_at))",
    ),
    (
        "those who have accepted and have no booking",
        "SELECT count(*) FROM waitlist_entries AS entries WHERE status = 'accepted' AND NOT EXISTS (
            SELECT FROM bookings WHERE id = booking_id AND student_id = entries.student_id AND booked_at IS NOT NULL
                AND status IN ('confirmed', 'cancelled', 'completed', 'no_show'))",
    ),
    (
        "bookings made of offers that nobody has accepted",
        "SELECT count(*) FROM waitlist_entries AS entries JOIN bookings ON bookings.id = booking_id
         WHERE bookings.status IN ('confirmed', 'completed', 'no_show') AND entries.status <> 'accepted'",
    ),
    (
        "what is set aside for those who wait no longer, or have it not been offered",
        "SELECT count(*) FROM waitlist_entries AS entries JOIN bookings ON bookings.id = booking_id
         WHERE occupies AND entries.status NOT IN ('offered', 'accepted')",
    ),
    (
        "seats that are set aside and offered to nobody",
        "SELECT count(*) FROM bookings JOIN lessons ON lessons.id = lesson_id
         WHERE capacity > 1 AND bookings.status = 'held' AND NOT EXISTS (
            SELECT FROM waitlist_entries WHERE booking_id = bookings.id AND status = 'offered')",
    ),
    (
        "students with more than three offers to answer",
        "SELECT count(*) FROM (
            SELECT FROM waitlist_entries AS entries JOIN bookings ON bookings.id = booking_id
            WHERE entries.status = 'offered' AND bookings.status = 'held'
            GROUP BY entries.student_id HAVING count(*) > 3) AS amiss",
    ),
    (
        "students who wait for more than ten things",
        "SELECT count(*) FROM (
            SELECT FROM waitlist_entries WHERE status IN ('waiting', 'offered') GROUP BY student_id HAVING count(*) > 10) AS amiss",
    ),
    (
        "those who wait for a lesson that they are in",
        "SELECT count(*) FROM waitlist_entries AS entries WHERE status = 'waiting' AND EXISTS (
            SELECT FROM bookings WHERE lesson_id = entries.lesson_id AND student_id = entries.student_id AND occupies)",
    ),
];

const ABSENCES: [(&str, &str); 4] = [
    (
        "lessons ahead in the time of an absence that stands and does not know of them",
        "SELECT count(*) FROM absences
         JOIN lessons ON lessons.tutor_id = absences.tutor_id
            AND lessons.starts_at < absences.ends_at AND absences.starts_at < lessons.ends_at
         JOIN bookings ON bookings.lesson_id = lessons.id
         WHERE time_off_id IS NOT NULL AND occupies AND lessons.starts_at > absences.created_at AND NOT EXISTS (
            SELECT FROM absence_bookings AS affected
            WHERE affected.absence_id = absences.id AND affected.booking_id = bookings.id
                AND affected.lesson_id = lessons.id AND affected.starts_at = bookings.starts_at)",
    ),
    (
        "bookings of which the tutor is absent, and that cost their students anything when they were given up",
        "SELECT count(*) FROM bookings WHERE status = 'cancelled' AND cancellation_consequence = 'charged'
            AND id IN (SELECT booking_id FROM absent_bookings)",
    ),
    (
        "lessons that began without their tutor for which not all of them was credited",
        "SELECT count(*) FROM bookings WHERE status = 'cancelled' AND cancellation_reason = 'tutor_absent' AND (
            cancellation_consequence IS DISTINCT FROM 'credit'
            OR cancellation_credit_minutes IS DISTINCT FROM extract(epoch FROM ends_at - starts_at) / 60)",
    ),
    (
        "lessons that are said to be over of tutors who were absent, who did not say so",
        "SELECT count(*) FROM bookings WHERE status = 'completed' AND id IN (SELECT booking_id FROM absent_bookings)
            AND NOT EXISTS (SELECT FROM audit_entries WHERE subject_id = bookings.id AND operation = 'record_attendance')",
    ),
];

const PROPOSALS: [(&str, &str); 3] = [
    (
        "students who propose other times for more than three lessons",
        "SELECT count(*) FROM (
            SELECT FROM bookings WHERE proposal_expires_at > {now} GROUP BY student_id HAVING count(*) > 3) AS amiss",
    ),
    (
        "proposed times that somebody else could take",
        "SELECT count(*) FROM bookings WHERE proposal_expires_at > {now} AND NOT (
             SELECT coalesce(range_agg(tstzrange(starts_at, ends_at)), '{}') FROM bookings AS taken
             WHERE bookings.id IN (taken.id, taken.reserved_for) AND occupies AND coalesce(expires_at > {now}, true)
         ) @> tstzrange(proposed_starts_at, proposed_ends_at)",
    ),
    (
        "times that are set aside for longer, or for more, than is proposed",
        "SELECT count(*) FROM bookings AS taken JOIN bookings ON bookings.id = taken.reserved_for
         WHERE taken.occupies AND NOT coalesce(
            taken.expires_at = bookings.proposal_expires_at
            AND tstzrange(bookings.proposed_starts_at, bookings.proposed_ends_at) @> tstzrange(taken.starts_at, taken.ends_at), false)",
    ),
];

const SETTLED: [(&str, &str); 4] = [
    (
        "offers that have lapsed",
        "SELECT count(*) FROM waitlist_entries AS entries JOIN bookings ON bookings.id = booking_id
         WHERE entries.status = 'offered' AND expires_at <= {now}",
    ),
    (
        "those who wait for what is over",
        "SELECT count(*) FROM waitlist_entries AS entries LEFT JOIN lessons ON lessons.id = lesson_id
         WHERE entries.status = 'waiting' AND (
            entries.ends_at <= {now} OR lessons.starts_at <= {now} OR lessons.status = 'cancelled')",
    ),
    (
        "lessons that have begun without their tutor",
        "SELECT count(*) FROM bookings WHERE status = 'confirmed' AND starts_at <= {now}
            AND id IN (SELECT booking_id FROM absent_bookings)",
    ),
    (
        "proposals that nobody can answer any more",
        "SELECT count(*) FROM bookings WHERE proposal_expires_at <= {now}",
    ),
];
