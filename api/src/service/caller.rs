//! Who asks for something, and so what they see and for whom they may act.

use super::{
    TutorId, UserId,
    app_key::{Access, Scope},
};
use crate::{
    app::App,
    error::Error,
    store::{self, tutor::Profile, tutor::Tutor},
};
use std::sync::Arc;
use uuid::Uuid;

pub use crate::store::person::Person;

/// Who asks. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Caller {
    Person(Arc<Person>),
    /// A third-party app, which acts for nobody but the centre.
    App(Access),
}

impl Person {
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }

    pub fn is_admin(&self) -> bool {
        self.has_role("admin")
    }

    /// Whether this person is no student, and can book for students.
    fn books_for_others_only(&self) -> bool {
        !self.has_role("student") && (self.is_admin() || !self.students.is_empty())
    }

    /// Whether this person acts as the guardian of that one.
    pub fn is_guardian_of(&self, student: UserId) -> bool {
        self.students.binary_search(&student.0).is_ok()
    }

    /// The students for whom this person may act: the person, and those whose guardian the person is.
    pub fn acts_for(&self) -> Vec<UserId> {
        let students = self.students.iter().copied().map(UserId);
        std::iter::once(self.user_id).chain(students).collect()
    }
}

impl Caller {
    /// A tutor on whose word something is done outside of a request, and no more: a tutor may be much else, which has no say in
    /// it. None for who is no tutor any more, or suspended.
    pub(super) async fn tutor_alone(app: &App, id: TutorId) -> Result<Option<Self>, Error> {
        let Some(user) = store::tutor::user_of(&app.db, id).await? else {
            return Ok(None);
        };
        let person = store::person::find(&app.db, user).await?;
        let person = person.filter(|person| person.tutor_id == Some(id));
        Ok(person.map(|person| {
            Self::Person(Arc::new(Person {
                roles: vec!["tutor".to_owned()],
                students: Vec::new(),
                ..person
            }))
        }))
    }

    /// The user, or the key: what one key of an app may read, another may not.
    pub fn id(&self) -> Uuid {
        match self {
            Self::Person(person) => person.user_id.0,
            Self::App(access) => access.key.id.0,
        }
    }

    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::Person(person) => Some(person.user_id),
            Self::App(_) => None,
        }
    }

    pub fn is_admin(&self) -> bool {
        matches!(self, Self::Person(person) if person.is_admin())
    }

    /// The zone in which the caller wants to see times: that of the centre, where no person asks.
    pub fn time_zone(&self, app: &App) -> String {
        match self {
            Self::Person(person) => person.time_zone.clone(),
            Self::App(_) => app.config.centre.time_zone.name().to_owned(),
        }
    }

    /// Whether the caller is this tutor, or an admin.
    pub fn may_edit(&self, tutor: TutorId) -> bool {
        match self {
            Self::Person(person) => person.tutor_id == Some(tutor) || person.is_admin(),
            Self::App(_) => false,
        }
    }

    /// The student for whom the caller asks: the one named, if the caller may act for them, or else the caller, if it
    /// is a person.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a student who is not there, or for whom the caller may not act; [`Error::Forbidden`] for a
    /// third-party app that may do nothing with bookings.
    pub async fn student(&self, app: &App, named: Option<UserId>) -> Result<Option<UserId>, Error> {
        let Some(named) = named else {
            return Ok(self.user_id());
        };
        let (may_act, may_act_for_all) = match self {
            Self::Person(person) => (
                named == person.user_id || person.is_guardian_of(named),
                person.is_admin(),
            ),
            Self::App(access) => {
                access.check_any(&[Scope::BookingsRead, Scope::BookingsWrite])?;
                (false, true)
            }
        };
        // Whoever may not act for everybody is answered without a look, so that nothing is learned from how long it
        // takes.
        if may_act || (may_act_for_all && store::person::find(&app.db, named).await?.is_some()) {
            Ok(Some(named))
        } else {
            Err(Error::not_found("student"))
        }
    }

    /// The student for whom the caller books, as [`Caller::student`]: who books for others, and is no student, has to say
    /// for whom.
    ///
    /// # Errors
    /// As [`Caller::student`].
    pub async fn books_for(
        &self,
        app: &App,
        named: Option<UserId>,
    ) -> Result<Option<UserId>, Error> {
        match self {
            Self::Person(person) if named.is_none() && person.books_for_others_only() => Ok(None),
            _ => self.student(app, named).await,
        }
    }

    /// The tutor as the caller sees them, if they do: who is not visible is seen by themselves and admins only, and
    /// third-party apps see what they are limited to.
    pub(super) fn sees(&self, tutor: Arc<Tutor>) -> Option<Arc<Tutor>> {
        let Profile {
            id,
            visible,
            suspended,
            ..
        } = tutor.profile;
        match self {
            Self::Person(person) if person.is_admin() => Some(tutor),
            Self::Person(person) if person.user_id == tutor.profile.user_id => Some(tutor),
            Self::Person(_) => (visible && !suspended).then_some(tutor),
            Self::App(access) if visible && !suspended && access.reaches_tutor(id) => {
                access.narrowed(tutor)
            }
            Self::App(_) => None,
        }
    }
}
