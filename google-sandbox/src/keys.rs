//! The key that signs ID tokens.

use std::sync::OnceLock;

use anyhow::Context;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rsa::{
    RsaPrivateKey,
    pkcs1v15::SigningKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding},
    sha2::Sha256,
    signature::{SignatureEncoding, Signer},
    traits::PublicKeyParts,
};
use serde_json::{Value, json};
use sha2::Digest;

use crate::state::hex;

/// An RSA key with the id under which it is published.
pub(crate) struct Keys {
    id: String,
    modulus: String,
    exponent: String,
    signer: SigningKey<Sha256>,
}

impl Keys {
    /// Reads a PKCS#8 key.
    pub(crate) fn from_pem(pem: &str) -> anyhow::Result<Self> {
        let key = RsaPrivateKey::from_pkcs8_pem(pem).context("the signing key is unreadable")?;
        let modulus = key.n().to_bytes_be();
        let hash = sha2::Sha256::digest(&modulus);
        Ok(Self {
            id: hex(&hash, 20),
            modulus: URL_SAFE_NO_PAD.encode(modulus),
            exponent: URL_SAFE_NO_PAD.encode(key.e().to_bytes_be()),
            signer: SigningKey::new(key),
        })
    }

    /// Signs claims as a compact RS256 token.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": "RS256", "kid": self.id, "typ": "JWT"});
        let message = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = self.signer.sign(message.as_bytes()).to_bytes();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The public half as a JSON Web Key Set.
    pub(crate) fn public(&self) -> Value {
        json!({"keys": [{
            "kty": "RSA", "alg": "RS256", "use": "sig",
            "kid": self.id, "n": self.modulus, "e": self.exponent,
        }]})
    }
}

/// A fresh key as PKCS#8 PEM. Generated once per process, since generating takes a while.
pub(crate) fn generate() -> anyhow::Result<String> {
    static KEY: OnceLock<Result<String, String>> = OnceLock::new();
    KEY.get_or_init(|| {
        let key =
            RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).map_err(|e| e.to_string())?;
        let pem = key
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|e| e.to_string())?;
        Ok(pem.to_string())
    })
    .clone()
    .map_err(|error| anyhow::anyhow!("no signing key: {error}"))
}
