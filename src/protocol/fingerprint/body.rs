//! How a body counts: by which of its meanings, or by its bytes.

use super::leaves::Found;
use super::media_type::{Syntax, content_coding, syntax};
use super::{form, json, multipart};
use crate::protocol::contract::{FingerprintPart, FingerprintRules};
use crate::protocol::digest::{Parts, Sha256Digest, sha256};
use crate::protocol::request::{Body, Inbound};
use serde::{Deserialize, Serialize};
use sha2::digest::Update;
use std::borrow::Cow;

/// What a contract compares of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// Nothing: no part of the contract is the body.
    NotCompared,
    /// Nothing yet: it is still on its way (rule 4.22).
    Pending,
    /// The request has no body (rule 4.7).
    Absent,
    /// Its bytes, and the coding that they are in (rules 4.10 and 4.18).
    Bytes {
        /// Of the bytes.
        digest: Sha256Digest,
        /// `Content-Encoding`, where there is one.
        coding: Option<String>,
    },
    /// Its meaning (rules 4.8, 4.13 and 4.14).
    Meaning {
        /// By which reading; readings never have the same digest.
        reading: Reading,
        /// Of the canonical form.
        digest: Sha256Digest,
        /// Its named pieces; `None` where there are too many.
        leaves: Option<Found>,
    },
}

/// The syntaxes that have a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reading {
    /// RFC 8785.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data`.
    Multipart,
}

impl Reading {
    fn kind(self) -> &'static str {
        match self {
            Self::Json => "body:json",
            Self::Form => "body:form",
            Self::Multipart => "body:multipart",
        }
    }
}

/// A body that was read.
pub enum Read<'b> {
    /// All is known that is compared of it.
    Known(Contents),
    /// All but a digest.
    Unhashed(Unhashed<'b>),
}

/// A body whose digest is still to be made.
pub struct Unhashed<'b> {
    text: Cow<'b, [u8]>,
    counts: Counts,
}

enum Counts {
    AsBytes(Option<String>),
    AsJson(Option<Found>),
}

impl Unhashed<'_> {
    /// What is to be hashed.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The contents; `digest` is the SHA-256 of [`Self::text`].
    pub fn hashed(self, digest: Sha256Digest) -> Contents {
        match self.counts {
            Counts::AsBytes(coding) => Contents::Bytes { digest, coding },
            Counts::AsJson(leaves) => Contents::Meaning {
                reading: Reading::Json,
                digest,
                leaves,
            },
        }
    }
}

impl Contents {
    /// Reads the whole `body` of `request` once, for its fingerprint and for its sketch.
    pub fn of(rules: &FingerprintRules, request: &Inbound, body: &Body) -> Self {
        match Self::read(rules, request, body) {
            Read::Known(contents) => contents,
            Read::Unhashed(unhashed) => {
                let digest = sha256(unhashed.text());
                unhashed.hashed(digest)
            }
        }
    }

    /// The same, but for the one digest that takes long where a body is long: whoever has a faster SHA-256 goes on from there.
    pub fn read<'b>(rules: &FingerprintRules, request: &Inbound, body: &'b Body) -> Read<'b> {
        let exact = rules.parts.contains(&FingerprintPart::BodyExact);
        if !exact && !rules.parts.contains(&FingerprintPart::Body) {
            return Read::Known(Self::NotCompared);
        }
        let Body::Bytes(bytes) = body else {
            return Read::Known(Self::Absent);
        };
        let coding = content_coding(request);
        let meaning = match &coding {
            None if !exact => Self::meaning(rules, request, bytes),
            _ => None,
        };
        meaning.unwrap_or_else(|| {
            Read::Unhashed(Unhashed {
                text: Cow::Borrowed(bytes),
                counts: Counts::AsBytes(coding),
            })
        })
    }

    /// Of a body that is on its way; nothing is missing where the contract does not compare it.
    pub fn unread(rules: &FingerprintRules) -> Self {
        let body = |part: &FingerprintPart| {
            matches!(part, FingerprintPart::Body | FingerprintPart::BodyExact)
        };
        if rules.parts.iter().any(body) {
            Self::Pending
        } else {
            Self::NotCompared
        }
    }

    fn meaning(rules: &FingerprintRules, request: &Inbound, bytes: &[u8]) -> Option<Read<'static>> {
        let (reading, digest, leaves) = match syntax(request) {
            Syntax::Json => {
                let canonical = json::canonical(bytes, &rules.exclude)?;
                return Some(Read::Unhashed(Unhashed {
                    text: Cow::Owned(canonical.text),
                    counts: Counts::AsJson(canonical.leaves.finish()),
                }));
            }
            Syntax::Form => {
                let form = form::read(bytes)?;
                (Reading::Form, form.digest, form.leaves)
            }
            Syntax::Multipart(boundary) => {
                let mut hasher = multipart::Hasher::new(&boundary);
                hasher.update(bytes);
                let form = hasher.finish()?;
                (Reading::Multipart, form.digest, form.leaves)
            }
            Syntax::Opaque => return None,
        };
        Some(Read::Known(Self::Meaning {
            reading,
            digest,
            leaves: leaves.finish(),
        }))
    }

    /// Whether the boundary of a form is a part of what is compared: only where the form counts by its bytes (rule 4.17).
    pub fn counts_boundary(&self) -> bool {
        matches!(self, Self::Bytes { .. })
    }

    /// Adds the body to a fingerprint.
    pub fn add_to<H: Update>(&self, hasher: &mut Parts<H>) {
        match self {
            Self::NotCompared | Self::Pending => {}
            Self::Absent => {
                hasher.part("body", None);
            }
            Self::Bytes { digest, coding } => {
                if let Some(coding) = coding {
                    hasher.part("coding", Some(coding.as_bytes()));
                }
                hasher.part("body", Some(digest));
            }
            Self::Meaning {
                reading, digest, ..
            } => {
                hasher.part(reading.kind(), Some(digest));
            }
        }
    }
}

/// The body of a request, read as it arrives because it is too large to be held (rule 4.22). By meaning it counts only where it can
/// be read piece by piece, as `multipart/form-data` can; all else, JSON too, counts by its bytes.
pub struct Arriving {
    coding: Option<String>,
    form: Option<Box<multipart::Hasher>>,
}

impl Arriving {
    /// The body of `request`; `None` where the contract does not compare it.
    pub fn new(rules: &FingerprintRules, request: &Inbound) -> Option<Self> {
        let exact = rules.parts.contains(&FingerprintPart::BodyExact);
        if !exact && !rules.parts.contains(&FingerprintPart::Body) {
            return None;
        }
        let coding = content_coding(request);
        let form = match syntax(request) {
            Syntax::Multipart(boundary) if !exact && coding.is_none() => {
                Some(Box::new(multipart::Hasher::new(&boundary)))
            }
            _ => None,
        };
        Some(Self { coding, form })
    }

    /// Whether it wants to see the bytes, and not only their digest.
    pub fn reads(&self) -> bool {
        self.form.is_some()
    }

    /// The next bytes.
    pub fn update(&mut self, chunk: &[u8]) {
        if let Some(form) = &mut self.form {
            form.update(chunk);
        }
    }

    /// The whole body, whose bytes have this `digest`.
    pub fn finish(self, digest: Sha256Digest) -> Contents {
        match self.form.and_then(|form| form.finish()) {
            Some(form) => Contents::Meaning {
                reading: Reading::Multipart,
                digest: form.digest,
                leaves: form.leaves.finish(),
            },
            None => Contents::Bytes {
                digest,
                coding: self.coding,
            },
        }
    }
}
