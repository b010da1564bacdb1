//! Ids: UUIDv7 (RFC 9562), so that they sort by creation, each a type of its own, so that one can't
//! stand where another is wanted.

use sea_orm::{DbErr, DeriveValueType, TryFromU64};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, DeriveValueType,
        )]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id, greater than every id made before on this machine.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, DbErr> {
                Err(DbErr::ConvertFromU64(stringify!($name)))
            }
        }
    };
}

id!(
    /// A person who signs in.
    UserId
);
id!(
    /// One way for a user to sign in: an account at a provider.
    IdentityId
);
id!(
    /// A sign-in session.
    SessionId
);
id!(
    /// A tutor.
    TutorId
);
id!(
    /// What is taught.
    SubjectId
);
id!(
    /// That a tutor teaches a subject at a level.
    OfferId
);
id!(
    /// A weekly span of availability.
    WeeklyRuleId
);
id!(
    /// Time in which a tutor is away.
    TimeOffId
);
id!(
    /// A tutor's report of being absent.
    AbsenceId
);
id!(
    /// Holidays that belong together.
    HolidayCalendarId
);
id!(
    /// One meeting of a tutor.
    LessonId
);
id!(
    /// One student's place in a lesson.
    BookingId
);
id!(
    /// Bookings that were made at once, by a recurrence rule.
    SeriesId
);
id!(
    /// That a student waits for a lesson.
    WaitlistEntryId
);
id!(
    /// What a user granted at one time.
    GrantId
);
id!(
    /// A calendar of a Google account that a user has connected.
    CalendarId
);
id!(
    /// A channel by which Google tells that a calendar has changed.
    ChannelId
);
id!(
    /// That the event of a lesson was found to say something else.
    DriftId
);
id!(
    /// A piece of work to be done outside a request.
    JobId
);
id!(
    /// That somebody is asked to take a role.
    InvitationId
);
id!(
    /// A third-party app.
    AppId
);
id!(
    /// A key of a third-party app.
    AppKeyId
);
