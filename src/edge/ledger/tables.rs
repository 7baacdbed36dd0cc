//! The two tables of a shard, and how they come to be there.
//!
//! A row lies in `claims` under the slot of its id, and in `displaced` where another claim has that slot (rule 5.29). So a claim is one
//! row: an index on the id would be a second one to write and to pay for.
//!
//! `claims` has rowids, because the other kind of table keeps no more than 1,000 bytes of a row in its place. An answer of 1 KiB would write
//! twice the pages, and take twice the space.

use worker::{Result, SqlStorage, SqlStorageValue};

/// What both have besides their keys. No index on `expires_at`: it would cost two more written rows for every request, and a sweep that
/// scans costs only reads.
const COLUMNS: &str = "
  fingerprint BLOB NOT NULL,
  attempt BLOB NOT NULL,
  state INTEGER NOT NULL,
  first_seen INTEGER NOT NULL,
  lease_until INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  refuse_ms INTEGER NOT NULL,
  sketch BLOB NOT NULL,
  record BLOB";

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
    /// A statement for this table: `{table}` is its name, `{key}` the column by which its rows lie in their order, and `{row}` what tells the
    /// row of a claim by its slot (?1) and its id (?2).
    pub fn on(self, statement: &str) -> String {
        let (name, key, row) = match self {
            Self::Claims => ("claims", "slot", "slot = ?1 AND id = ?2"),
            Self::Displaced => ("displaced", "id", "id = ?2"),
        };
        statement
            .replace("{table}", name)
            .replace("{key}", key)
            .replace("{row}", row)
    }

    /// A key before all others.
    pub fn start(self) -> SqlStorageValue {
        match self {
            Self::Claims => SqlStorageValue::Integer(-1),
            Self::Displaced => SqlStorageValue::Blob(Vec::new()),
        }
    }

    /// Whether there is a row.
    ///
    /// # Errors
    /// What the storage throws.
    pub fn is_any(self, sql: &SqlStorage) -> Result<bool> {
        self.is_any_beyond(sql, self.start())
    }

    /// Whether there is a row whose key is above `key`.
    ///
    /// # Errors
    /// What the storage throws.
    pub fn is_any_beyond(self, sql: &SqlStorage, key: SqlStorageValue) -> Result<bool> {
        is_found(
            sql,
            &self.on("SELECT 1 FROM {table} WHERE {key} > ? LIMIT 1"),
            key,
        )
    }
}

/// Both tables, with every column. A `claims` of before there were slots becomes `displaced` as it is: a Worker of then finds no table
/// that it can write to any more, and so takes no key for new that is not (docs/operating.md, "Going back to an earlier version").
///
/// # Errors
/// What the storage throws. What has been done by then stays, and another call goes on.
pub fn prepare(sql: &SqlStorage) -> Result<()> {
    let claims = format!(
        "CREATE TABLE IF NOT EXISTS claims (slot INTEGER PRIMARY KEY, id BLOB NOT NULL, {COLUMNS})"
    );
    sql.exec(&claims, None)?;
    if !has_column(sql, "slot")? {
        for (column, definition) in ADDED {
            if !has_column(sql, column)? {
                let add = format!("ALTER TABLE claims ADD COLUMN {column} {definition}");
                sql.exec(&add, None)?;
            }
        }
        sql.exec("ALTER TABLE claims RENAME TO displaced", None)?;
        sql.exec(&claims, None)?;
    }
    let displaced = format!(
        "CREATE TABLE IF NOT EXISTS displaced (id BLOB PRIMARY KEY, {COLUMNS}) WITHOUT ROWID"
    );
    sql.exec(&displaced, None)?;
    Ok(())
}

/// Whether `claims` has this column.
fn has_column(sql: &SqlStorage, column: &str) -> Result<bool> {
    let named = "SELECT 1 FROM pragma_table_info('claims') WHERE name = ?";
    is_found(sql, named, column.into())
}

fn is_found(sql: &SqlStorage, query: &str, parameter: SqlStorageValue) -> Result<bool> {
    let found = sql.exec(query, vec![parameter])?;
    Ok(found.raw().next().transpose()?.is_some())
}
