//! What must hold in the ledger of credit, recounted from its entries alone.

use super::TestApp;

impl TestApp {
    /// Asks the tables whether every minute of credit is where its entries say, and came and went once.
    pub async fn expect_ledger_balanced(&self) {
        for (what, query) in CHECKS {
            assert_eq!(self.count(query).await, 0, "{what}");
        }
    }
}

const CHECKS: [(&str, &str); 11] = [
    (
        "lots whose balance is not what their entries add up to, or less than nothing",
        "SELECT count(*) FROM credit_lots WHERE remaining_minutes < 0 OR remaining_minutes <> (
            SELECT coalesce(sum(CASE WHEN to_account = 'student' THEN minutes ELSE -minutes END), 0)
            FROM credit_entries WHERE lot_id = credit_lots.id)",
    ),
    (
        "minutes that were issued and are neither with the students nor used, expired or withdrawn",
        "SELECT coalesce(sum(CASE 'issued' WHEN from_account THEN minutes ELSE 0 END), 0)
            - coalesce(sum(CASE WHEN to_account IN ('used', 'expired', 'withdrawn') THEN minutes
                                WHEN from_account = 'used' THEN -minutes ELSE 0 END), 0)
            - (SELECT coalesce(sum(remaining_minutes), 0) FROM credit_lots)
         FROM credit_entries",
    ),
    (
        "bookings that credit paid for by more or less than is written on them",
        "SELECT count(*) FROM bookings WHERE paid_credit_minutes <> (
            SELECT coalesce(sum(minutes), 0) FROM credit_entries WHERE booking_id = bookings.id AND to_account = 'used')",
    ),
    (
        // One that was given up moves along with its group lesson.
        "paid bookings that stand and are longer or shorter than what was paid",
        "SELECT count(*) FROM bookings WHERE paid_credit_minutes > 0 AND occupies
            AND paid_credit_minutes <> extract(epoch FROM ends_at - starts_at) / 60",
    ),
    (
        "accounts that all together are not zero",
        "SELECT coalesce(sum(minutes), 0) FROM (
            SELECT to_account AS account, minutes FROM credit_entries
            UNION ALL SELECT from_account, -minutes FROM credit_entries) AS sides",
    ),
    (
        "lots of which more was taken at some time than there was",
        "SELECT count(*) FROM (
            SELECT sum(CASE WHEN to_account = 'student' THEN minutes ELSE -minutes END)
                OVER (PARTITION BY lot_id ORDER BY id) AS balance
            FROM credit_entries) AS balances WHERE balance < 0",
    ),
    (
        "bookings for which credit came back twice, or more than they took",
        "SELECT count(*) FROM (
            SELECT booking_id FROM credit_entries WHERE booking_id IS NOT NULL GROUP BY booking_id
            HAVING count(*) FILTER (WHERE from_account = 'issued') > 1
                OR coalesce(sum(minutes) FILTER (WHERE from_account = 'used'), 0)
                    > coalesce(sum(minutes) FILTER (WHERE to_account = 'used'), 0)
                OR (bool_or(from_account = 'issued') AND bool_or(to_account = 'used'))) AS amiss",
    ),
    (
        "bookings that stand, or were kept, for which credit came back",
        "SELECT count(*) FROM bookings WHERE status NOT IN ('cancelled', 'declined', 'expired') AND EXISTS (
            SELECT FROM credit_entries WHERE booking_id = bookings.id AND to_account = 'student')",
    ),
    (
        "bookings that were given up for other credit than came back",
        "SELECT count(*) FROM bookings WHERE status IN ('cancelled', 'declined')
            AND coalesce(cancellation_credit_minutes, 0) <> (
                SELECT coalesce(sum(minutes), 0) FROM credit_entries WHERE booking_id = bookings.id AND to_account = 'student')",
    ),
    (
        "expired requests for which not all that they took came back",
        "SELECT count(*) FROM bookings WHERE status = 'expired' AND paid_credit_minutes <> (
            SELECT coalesce(sum(minutes), 0) FROM credit_entries WHERE booking_id = bookings.id AND to_account = 'student')",
    ),
    (
        "credit that was taken after it had expired, or had expired before its time",
        "SELECT count(*) FROM credit_entries AS entries JOIN credit_lots AS lots ON lots.id = lot_id
         WHERE from_account = 'student' AND (entries.created_at >= expires_at) <> (to_account = 'expired')",
    ),
];
