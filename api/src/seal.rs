//! Authenticated encryption of what must not lie in clear: refresh tokens at rest, and the state of a
//! sign-in while the browser carries it. XChaCha20-Poly1305; the nonce is random and stands in front.

use anyhow::{Context, anyhow, ensure};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use chacha20poly1305::{
    AeadCore, KeyInit, XChaCha20Poly1305,
    aead::{Aead, OsRng, Payload},
};
use std::{fmt, str::FromStr, sync::Arc};

const NONCE_LENGTH: usize = 24;

/// The keys, newest first: the first seals, all of them open.
#[derive(Clone)]
pub struct Keyring(Arc<[(String, XChaCha20Poly1305)]>);

/// Ciphertext and the name of the key that opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    pub key_id: String,
    pub bytes: Vec<u8>,
}

impl Sealed {
    /// The name of the key and the ciphertext, for where a text is wanted.
    pub fn to_text(&self) -> String {
        format!(
            "{}.{}",
            self.key_id,
            BASE64_URL_SAFE_NO_PAD.encode(&self.bytes)
        )
    }

    /// Reads what [`Sealed::to_text`] wrote.
    pub fn from_text(text: &str) -> Option<Self> {
        let (key_id, bytes) = text.split_once('.')?;
        Some(Self {
            key_id: key_id.to_owned(),
            bytes: BASE64_URL_SAFE_NO_PAD.decode(bytes).ok()?,
        })
    }
}

impl Keyring {
    /// A ring of one random key, written as [`FromStr`] reads it.
    pub fn generate() -> String {
        format!(
            "1:{}",
            BASE64_STANDARD.encode(XChaCha20Poly1305::generate_key(&mut OsRng))
        )
    }

    /// Seals `plain` for one purpose: it opens only with the same `context`.
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> anyhow::Result<Sealed> {
        let (key_id, cipher) = self.0.first().context("a keyring is never empty")?;
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let sealed = cipher
            .encrypt(
                &nonce,
                Payload {
                    msg: plain,
                    aad: context,
                },
            )
            .map_err(|_| anyhow!("sealing failed"))?;
        Ok(Sealed {
            key_id: key_id.clone(),
            bytes: [nonce.as_slice(), &sealed].concat(),
        })
    }

    /// Opens what [`Keyring::seal`] made with the same `context`.
    ///
    /// # Errors
    /// When the key is not on the ring, or the bytes were not sealed by it for this context.
    pub fn open(&self, context: &[u8], sealed: &Sealed) -> anyhow::Result<Vec<u8>> {
        let (_, cipher) = self
            .0
            .iter()
            .find(|(id, _)| *id == sealed.key_id)
            .with_context(|| format!("no encryption key {:?}", sealed.key_id))?;
        ensure!(
            sealed.bytes.len() > NONCE_LENGTH,
            "sealed bytes are too short"
        );
        let (nonce, bytes) = sealed.bytes.split_at(NONCE_LENGTH);
        cipher
            .decrypt(
                nonce.into(),
                Payload {
                    msg: bytes,
                    aad: context,
                },
            )
            .map_err(|_| {
                anyhow!(
                    "sealed bytes were not made by key {:?} for this purpose",
                    sealed.key_id
                )
            })
    }
}

/// `id:base64 of 32 bytes`, several separated by commas, the newest first.
impl FromStr for Keyring {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let keys = text
            .split(',')
            .map(|entry| parse_key(entry.trim()))
            .collect::<Result<Vec<_>, _>>()?;
        for (at, (id, _)) in keys.iter().enumerate() {
            ensure!(
                keys.iter().skip(at + 1).all(|(other, _)| other != id),
                "key id {id:?} stands twice"
            );
        }
        Ok(Self(keys.into()))
    }
}

fn parse_key(entry: &str) -> anyhow::Result<(String, XChaCha20Poly1305)> {
    let (id, key) = entry
        .split_once(':')
        .context("a key is written id:base64")?;
    ensure!(
        (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
        "a key id is 1 to 32 letters, digits and hyphens"
    );
    let key = BASE64_STANDARD
        .decode(key)
        .map_err(|_| anyhow!("key {id:?} is not base64"))?;
    let cipher = XChaCha20Poly1305::new_from_slice(&key)
        .map_err(|_| anyhow!("key {id:?} must have 32 bytes"))?;
    Ok((id.to_owned(), cipher))
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(id, _)| id))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(text: &str) -> Keyring {
        text.parse().expect("a valid ring")
    }

    #[test]
    fn opens_only_with_the_same_key_and_context() {
        let first = Keyring::generate();
        let keys = ring(&first);
        let sealed = keys.seal(b"a", b"secret").expect("seals");
        assert_eq!(keys.open(b"a", &sealed).expect("opens"), b"secret");
        assert!(keys.open(b"b", &sealed).is_err());
        assert!(ring(&Keyring::generate()).open(b"a", &sealed).is_err());
        let mut bent = sealed.clone();
        bent.bytes[30] ^= 1;
        assert!(keys.open(b"a", &bent).is_err());
        assert!(!sealed.bytes.windows(6).any(|part| part == b"secret"));
    }

    #[test]
    fn a_rotated_ring_still_opens_what_the_old_key_sealed() {
        let old = Keyring::generate();
        let sealed = ring(&old).seal(b"a", b"secret").expect("seals");
        let rotated = ring(&format!(
            "{},{old}",
            Keyring::generate().replacen("1:", "2:", 1)
        ));
        assert_eq!(rotated.open(b"a", &sealed).expect("opens"), b"secret");
        assert_eq!(rotated.seal(b"a", b"x").expect("seals").key_id, "2");
    }

    #[test]
    fn mistakes_are_told() {
        for bad in ["", "x", "1:AAAA", "1:***", ":AAAA", "a b:AAAA"] {
            assert!(bad.parse::<Keyring>().is_err(), "{bad:?}");
        }
        let one = Keyring::generate();
        assert!(format!("{one},{one}").parse::<Keyring>().is_err());
    }
}
