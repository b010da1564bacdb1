//! Who is at the demo centre, and what they teach.

use super::Person;
use chrono::Weekday::{self, Fri, Mon, Sat, Sun, Thu, Tue, Wed};

/// Slug, name, and levels from the easiest.
pub(super) const SUBJECTS: [(&str, &str, &[&str]); 6] = [
    (
        "mathematics",
        "Mathematics",
        &["School", "Bachelor", "Master"],
    ),
    ("physics", "Physics", &["School", "Bachelor"]),
    ("chemistry", "Chemistry", &["School", "Bachelor"]),
    (
        "computer-science",
        "Computer science",
        &["Beginner", "Bachelor", "Master"],
    ),
    ("english", "English", &["A2", "B1", "B2", "C1"]),
    ("statistics", "Statistics", &["Bachelor", "Master"]),
];

/// A demo tutor.
pub(super) struct Tutor {
    pub(super) account: Person,
    pub(super) bio: &'static str,
    pub(super) languages: &'static [&'static str],
    /// Subject, level, and lengths of lesson in minutes.
    pub(super) offers: &'static [(&'static str, &'static str, &'static [i16])],
    /// Days, and full hours from and to; 24 is the midnight that ends the day.
    pub(super) hours: &'static [(&'static [Weekday], u32, u32)],
    /// Whether the calendar is connected from the start.
    pub(super) connected: bool,
}

pub(super) const TUTORS: [Tutor; 8] = [
    Tutor {
        account: Person {
            name: "Amara Okafor",
            email: "amara@example.com",
            time_zone: "Europe/Berlin",
        },
        bio: "Taught analysis and linear algebra for ten years. Bring the exercise that you are stuck on.",
        languages: &["en", "de"],
        offers: &[
            ("mathematics", "School", &[45, 60]),
            ("mathematics", "Bachelor", &[60, 90]),
            ("statistics", "Bachelor", &[60]),
        ],
        hours: &[
            (&[Mon, Tue, Wed, Thu], 14, 20),
            (&[Fri], 9, 13),
            (&[Sat], 10, 14),
        ],
        connected: true,
    },
    Tutor {
        account: Person {
            name: "Jonas Lindqvist",
            email: "jonas@example.com",
            time_zone: "Europe/Berlin",
        },
        bio: "Physicist. Mechanics, electrodynamics, and how to read a problem before solving it.",
        languages: &["de", "sv", "en"],
        offers: &[
            ("physics", "School", &[45]),
            ("physics", "Bachelor", &[60]),
            ("mathematics", "School", &[45]),
        ],
        hours: &[(&[Tue, Thu], 8, 12), (&[Mon, Wed, Fri], 16, 21)],
        connected: true,
    },
    Tutor {
        account: Person {
            name: "Priya Raman",
            email: "priya@example.com",
            time_zone: "Asia/Kolkata",
        },
        bio: "Software engineer by day. Algorithms, databases, and reading other people's code.",
        languages: &["en", "ta", "hi"],
        offers: &[
            ("computer-science", "Beginner", &[60]),
            ("computer-science", "Bachelor", &[60, 90]),
            ("computer-science", "Master", &[90]),
        ],
        hours: &[(&[Mon, Tue, Wed, Thu, Fri], 18, 23), (&[Sat, Sun], 9, 17)],
        connected: true,
    },
    Tutor {
        account: Person {
            name: "Daniel Brooks",
            email: "daniel@example.com",
            time_zone: "America/New_York",
        },
        bio: "Writing tutor. Essays, applications, and the courage to delete the first paragraph.",
        languages: &["en"],
        offers: &[
            ("english", "B1", &[30, 60]),
            ("english", "B2", &[60]),
            ("english", "C1", &[60]),
        ],
        hours: &[(&[Mon, Wed, Fri], 9, 12), (&[Tue, Thu], 13, 18)],
        connected: true,
    },
    Tutor {
        account: Person {
            name: "Camila Rojas",
            email: "camila@example.com",
            time_zone: "America/Santiago",
        },
        bio: "Doctoral student in organic chemistry. Mechanisms drawn slowly.",
        languages: &["es", "en"],
        offers: &[
            ("chemistry", "School", &[60]),
            ("chemistry", "Bachelor", &[60, 90]),
        ],
        hours: &[(&[Mon, Tue, Wed], 15, 19), (&[Sat], 10, 15)],
        connected: true,
    },
    Tutor {
        account: Person {
            name: "Tom Whitaker",
            email: "tom@example.com",
            time_zone: "Australia/Lord_Howe",
        },
        bio: "Retired statistician on a small island. Regression, and what it does not tell you.",
        languages: &["en"],
        offers: &[
            ("statistics", "Bachelor", &[60]),
            ("statistics", "Master", &[60, 90]),
        ],
        hours: &[(&[Mon, Tue, Thu, Fri], 7, 12)],
        connected: true,
    },
    Tutor {
        account: Person {
            name: "Lena Fischer",
            email: "lena@example.com",
            time_zone: "Europe/Berlin",
        },
        bio: "Teaches physics at a school in the mornings, and has time after that.",
        languages: &["de"],
        offers: &[
            ("physics", "School", &[45, 60]),
            ("chemistry", "School", &[45]),
        ],
        hours: &[(&[Mon, Tue, Wed, Thu], 15, 18)],
        connected: false,
    },
    Tutor {
        account: Person {
            name: "Noah Kim",
            email: "noah@example.com",
            time_zone: "America/New_York",
        },
        bio: "Second-year student, teaches first-year students. Evenings, until midnight.",
        languages: &["en", "ko"],
        offers: &[
            ("mathematics", "Bachelor", &[30, 60]),
            ("computer-science", "Beginner", &[30, 60]),
        ],
        hours: &[(&[Mon, Tue, Wed, Thu], 20, 24), (&[Sun], 14, 20)],
        connected: true,
    },
];

pub(super) const STUDENTS: [Person; 4] = [
    Person {
        name: "Mia Keller",
        email: "mia@example.com",
        time_zone: "Europe/Berlin",
    },
    Person {
        name: "Lucas Martin",
        email: "lucas@example.com",
        time_zone: "America/New_York",
    },
    Person {
        name: "Aisha Rahman",
        email: "aisha@example.com",
        time_zone: "Asia/Kolkata",
    },
    Person {
        name: "Sofia Diaz",
        email: "sofia@example.com",
        time_zone: "America/Santiago",
    },
];

pub(super) const ADMIN_ACCOUNT: Person = Person {
    name: "Robin Meyer",
    email: "admin@example.com",
    time_zone: "Europe/Berlin",
};
