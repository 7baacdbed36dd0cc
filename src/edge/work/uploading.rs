//! A body that is on its way: when it is read, and what its end, or the lack of one, means (rules 4.22, 5.28 and 7.7).

use super::Work;
use crate::edge::body::Incoming;
use crate::edge::clock;
use crate::edge::receive::{too_large, truncated};
use crate::edge::upload::{Cut, Upload};
use crate::protocol::fingerprint::{Arriving, Fingerprint};
use crate::protocol::refusal::{Code, Refusal};

impl Work {
    /// From here on, what is read of the body is hashed, where the contract compares it.
    pub(super) fn hash_upload(&mut self) {
        let rules = &self.guarded.contract.fingerprint;
        if let Incoming::Upload(upload) = &mut self.body
            && let Some(arriving) = Arriving::new(rules, &self.request)
        {
            upload.hash_as(arriving);
        }
    }

    /// Reads what is left of the body, without sending any of it to anybody.
    pub(super) async fn read_upload(&mut self) -> Result<(), Refusal> {
        let Incoming::Upload(upload) = &mut self.body else {
            return Ok(());
        };
        upload.keep_back();
        match clock::within(self.guarded.route.upload_ms, upload.run()).await {
            Some(Ok(())) => {}
            cut => return Err(self.cut(cut.and_then(Result::err))),
        }
        self.take_contents().await;
        Ok(())
    }

    /// The fingerprint is known as soon as the body has come.
    pub(super) async fn take_contents(&mut self) {
        if let Incoming::Upload(upload) = &mut self.body
            && let Some(contents) = upload.contents().await
        {
            let rules = &self.guarded.contract.fingerprint;
            self.fingerprint = Fingerprint::with(rules, &self.request, &contents);
            self.contents = contents;
        }
    }

    /// The fingerprint, for which the rest of the body may have to be read; `None` where it has no end.
    pub(super) async fn whole_fingerprint(&mut self) -> Option<Fingerprint> {
        if self.fingerprint.is_none() {
            self.read_upload().await.ok()?;
        }
        self.fingerprint
    }

    /// Nobody needs what is left of the body.
    pub(super) fn drop_upload(&mut self) {
        if let Incoming::Upload(upload) = &mut self.body
            && !upload.is_whole()
        {
            upload.cancel();
        }
    }

    /// Why the origin did not get a whole request.
    pub(super) fn upload_cut(&self) -> Refusal {
        let by_client = match &self.body {
            Incoming::Upload(upload) => Upload::cut(upload),
            Incoming::Whole(_) => None,
        };
        self.cut(by_client)
    }

    fn cut(&self, by_client: Option<Cut>) -> Refusal {
        match by_client {
            Some(Cut::Truncated) => truncated(),
            Some(Cut::TooLong) => {
                too_large(self.settings.policy.limits.request_body, "request_body")
            }
            None => Refusal::new(
                Code::UploadCut,
                "The origin did not take the whole body, or it took too long to come (`call.upload_seconds` of the policy).",
            ),
        }
    }
}

/// The claim has gone while the body was read that was to be compared with it.
pub(super) fn send_again() -> Refusal {
    Refusal::new(
        Code::SendAgain,
        "The first request with this key ended without an answer that is kept, while this one was read to be compared with it. \
         Nothing was sent to the origin by this request. Send it again with the same key.",
    )
}
