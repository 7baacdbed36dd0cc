//! Cleaning up. It changes no answer: what has expired is absent, swept or not (rule 5.14).
//!
//! A turn goes a bounded piece on through the table, in the order of its key, and the next one begins where it has ended. So what a
//! turn takes depends neither on how many claims there are nor on how many have expired, and between two turns requests are served.

use super::tables::Table::{self, Claims, Displaced};
use super::{Shard, clock};
use crate::edge::task;
use js_sys::{Date, Object};
use wasm_bindgen::JsValue;
use worker::SqlStorageValue;
use worker::SqlStorageValue::Integer;

/// From the end of a pass to the beginning of the next one, milliseconds. What has expired is dead at once; its space is only free then.
/// Reading a small row costs as much in a pass as storing it for 16 hours.
const EVERY_MS: u64 = 60 * 60 * 1000;
/// How long the shard serves requests between two turns of a pass, milliseconds.
const PAUSE_MS: u64 = 100;
/// How many rows a turn looks at.
const ROWS: i64 = 2_000;
/// How many small rows it deletes at most. One counts once more for each 8 KiB of its record, as all of its pages have to be freed: so
/// large records come to 4 MB a turn.
const WEIGHT: i64 = 500;

/// Where the next rows end, and what is to be deleted of them.
const NEXT: &str = "
SELECT max({key}), sum(weight) FROM (
  SELECT {key}, CASE WHEN expires_at <= ?2 AND expires_at + refuse_ms <= ?2
    THEN 1 + coalesce(length(record), 0) / 8192 ELSE 0 END AS weight
  FROM {table} WHERE {key} > ?1 ORDER BY {key} LIMIT ?3
)";

const DELETE: &str = "
DELETE FROM {table} WHERE {key} > ?1 AND {key} <= ?3 AND expires_at <= ?2 AND expires_at + refuse_ms <= ?2";

impl Shard {
    /// One alarm for all claims.
    pub(super) async fn set_alarm_once(&self) -> Result<(), JsValue> {
        if self.alarm_set.get() {
            return Ok(());
        }
        let alarm = task::settled(self.storage.get_alarm(Object::new())?).await?;
        if alarm.is_null() {
            self.set_alarm(EVERY_MS).await?;
        }
        self.alarm_set.set(true);
        Ok(())
    }

    async fn set_alarm(&self, after_ms: u64) -> Result<(), JsValue> {
        let at = clock::now().plus(after_ms).millis() as f64;
        let at = Date::new(&at.into());
        task::settled(self.storage.set_alarm(at, Object::new())?).await?;
        Ok(())
    }

    /// One turn, and the alarm for the next one.
    pub(super) async fn sweep(&self) -> Result<(), JsValue> {
        let next = self.turn()?;
        // An empty shard sets no alarm, so that an idle one costs nothing; the next claim sets it again.
        self.alarm_set.set(next.is_some());
        match next {
            Some(after_ms) => self.set_alarm(after_ms).await,
            None => Ok(()),
        }
    }

    /// Milliseconds until the next turn; `None` once the shard is empty.
    fn turn(&self) -> worker::Result<Option<u64>> {
        // A turn that fails leaves nothing here, so that the next one begins anew.
        let (table, from) = self
            .swept
            .take()
            .unwrap_or_else(|| (Claims, Claims.start()));
        // Ends with the year 9999: far below 2^53.
        let now = Integer(i64::try_from(clock::now().millis()).unwrap_or(i64::MAX));
        if let Some(end) = self.piece(table, &from, &now)? {
            self.sql
                .exec(&table.on(DELETE), vec![from, now, end.clone()])?;
            if table.is_any_beyond(&self.sql, end.clone())? {
                self.swept.replace(Some((table, end)));
                return Ok(Some(PAUSE_MS));
            }
        }
        let displaced = self.rows.may_be_displaced() && Displaced.is_any(&self.sql)?;
        self.rows.found_displaced(displaced);
        if table == Claims && displaced {
            self.swept.replace(Some((Displaced, Displaced.start())));
            return Ok(Some(PAUSE_MS));
        }
        Ok((displaced || Claims.is_any(&self.sql)?).then_some(EVERY_MS))
    }

    /// The last key of what one turn takes; `None` where nothing is left.
    fn piece(
        &self,
        table: Table,
        from: &SqlStorageValue,
        now: &SqlStorageValue,
    ) -> worker::Result<Option<SqlStorageValue>> {
        let statement = table.on(NEXT);
        let mut rows = ROWS;
        loop {
            let parameters = vec![from.clone(), now.clone(), rows.into()];
            let next = self.sql.exec(&statement, parameters)?.raw().next();
            match next.transpose()?.as_deref() {
                // However large its record is, one row goes.
                Some([end, Integer(weight)]) if *weight <= WEIGHT || rows == 1 => {
                    return Ok(Some(end.clone()));
                }
                Some([_, Integer(_)]) => rows /= 2,
                // Of no rows there is no sum.
                _ => return Ok(None),
            }
        }
    }
}
