//! The two tables of a shard, and how they come to be there.
//!
//! A row lies in `claims` under the slot of its id, and in `displaced` where another claim has that slot (rule 5.29). So a claim is one
//! row: an index on the id would be a second one to write and to pay for.
//!
//! `claims` has rowids, because the other kind of table keeps no more than 1,000 bytes of a row in its place. An answer of 1 KiB would write
//! twice the pages, and take twice the space.

use worker::{Result, SqlStorage, SqlStorageValue};

// No index on `expires_at`: it would cost two more written rows for every request, and a sweep that scans costs only reads.
const CLAIMS: &str = "
CREATE TABLE IF NOT EXISTS claims (
  slot INTEGER PRIMARY KEY,
  id BLOB NOT NULL,
  fingerprint BLOB NOT NULL,
  attempt BLOB NOT NULL,
  state INTEGER NOT NULL,
  first_seen INTEGER NOT NULL,
  lease_until INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  refuse_ms INTEGER NOT NULL,
  sketch BLOB NOT NULL,
  record BLOB
)";

const DISPLACED: &str = "
CREATE TABLE IF NOT EXISTS displaced (
  id BLOB PRIMARY KEY,
  fingerprint BLOB NOT NULL,
  attempt BLOB NOT NULL,
  state INTEGER NOT NULL,
  first_seen INTEGER NOT NULL,
  lease_until INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  refuse_ms INTEGER NOT NULL,
  sketch BLOB NOT NULL,
  record BLOB
) WITHOUT ROWID";

/// What `claims` may lack where it was made before there were slots.
const ADDED: [(&str, &str); 2] = [
    ("refuse_ms", "INTEGER NOT NULL DEFAULT 0"),
    ("sketch", "BLOB NOT NULL DEFAULT x''"),
];

/// One of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Where rows lie.
    Claims,
    /// Where those lie whose slots are taken.
    Displaced,
}

impl Table {
    /// In SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Claims => "claims",
            Self::Displaced => "displaced",
        }
    }

    /// The column by which the rows lie in their order.
    pub fn key(self) -> &'static str {
        match self {
            Self::Claims => "slot",
            Self::Displaced => "id",
        }
    }

    /// A key before all others.
    pub fn start(self) -> SqlStorageValue {
        match self {
            Self::Claims => SqlStorageValue::Integer(-1),
            Self::Displaced => SqlStorageValue::Blob(Vec::new()),
        }
    }

    /// Whether there is a row whose key is above `key`.
    ///
    /// # Errors
    /// What the storage throws.
    pub fn is_any_beyond(self, sql: &SqlStorage, key: SqlStorageValue) -> Result<bool> {
        let (name, column) = (self.name(), self.key());
        let beyond = format!("SELECT 1 FROM {name} WHERE {column} > ? LIMIT 1");
        let found = sql.exec(&beyond, vec![key])?;
        Ok(found.raw().next().transpose()?.is_some())
    }
}

/// Both tables, with every column. A `claims` of before there were slots becomes `displaced` as it is: a Worker of then finds no table
/// that it can write to any more, and so takes no key for new that is not (docs/operating.md, "Going back to an earlier version").
///
/// # Errors
/// What the storage throws. What has been done by then stays, and another call goes on.
pub fn prepare(sql: &SqlStorage) -> Result<()> {
    if has_column(sql, "id")? && !has_column(sql, "slot")? {
        for (column, definition) in ADDED {
            if !has_column(sql, column)? {
                let add = format!("ALTER TABLE claims ADD COLUMN {column} {definition}");
                sql.exec(&add, None)?;
            }
        }
        sql.exec("ALTER TABLE claims RENAME TO displaced", None)?;
    }
    sql.exec(CLAIMS, None)?;
    sql.exec(DISPLACED, None)?;
    Ok(())
}

/// Whether there is a table `claims`, and it has this column.
fn has_column(sql: &SqlStorage, column: &str) -> Result<bool> {
    let named = "SELECT 1 FROM pragma_table_info('claims') WHERE name = ?";
    let found = sql.exec(named, vec![column.into()])?;
    Ok(found.raw().next().transpose()?.is_some())
}
