//! How an attempt can end other than well.

use crate::error::Error;

/// Why an attempt came to nothing. Pages are told by [`Failure::code`] in the address to which the browser returns.
#[derive(Debug)]
pub enum Failure {
    /// The person said no.
    AccessDenied,
    /// The answer does not belong to the attempt, comes too late, or proves nothing.
    Failed,
    /// The provider has not verified the person's address.
    EmailNotVerified,
    /// Only people of some domains may sign up, and this is none of them.
    SignUpClosed,
    /// Only people of some domains, and invited ones, may sign up, and the provider does not vouch for the address.
    EmailNotAuthoritative,
    /// The provider does not answer, or not as the protocol says.
    ProviderUnavailable,
    /// Somebody else has signed in meanwhile, or nobody is signed in any more.
    OtherPerson,
    /// Google gave no refresh token.
    NoLastingAccess,
    /// The account is by what another user signs in.
    IdentityTaken,
    /// The centre has suspended the user.
    Suspended,
    /// Something of ours.
    Fault(Error),
}

impl Failure {
    /// Stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::Failed => "sign_in_failed",
            Self::EmailNotVerified => "email_not_verified",
            Self::SignUpClosed => "sign_up_closed",
            Self::EmailNotAuthoritative => "email_not_authoritative",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::OtherPerson => "other_person",
            Self::NoLastingAccess => "no_lasting_access",
            Self::IdentityTaken => "identity_taken",
            Self::Suspended => "suspended",
            Self::Fault(Error::Unavailable { .. } | Error::Contention { .. }) => "unavailable",
            Self::Fault(_) => "internal",
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable { .. } | Error::Contention { .. } => {
                tracing::warn!(%error, "sign-in failed");
            }
            _ => tracing::error!(%error, "sign-in failed"),
        }
        Self::Fault(error)
    }
}

impl From<google::Error> for Failure {
    fn from(error: google::Error) -> Self {
        if error.is_transient() {
            tracing::warn!(%error, "provider does not answer");
            return Self::ProviderUnavailable;
        }
        match error {
            // A code that is used or somebody else's, or a proof of somebody else: nobody is signed in on it.
            // It may also be a mistake in our own configuration, or in our clock.
            google::Error::Refused(_)
            | google::Error::GrantDead
            | google::Error::IdToken(_)
            | google::Error::OtherIssuer => {
                tracing::warn!(%error, "sign-in failed");
                Self::Failed
            }
            _ => {
                tracing::error!(%error, "provider can't be used");
                Self::ProviderUnavailable
            }
        }
    }
}
