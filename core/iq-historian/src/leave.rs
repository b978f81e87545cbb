//! Sealed pieces of a series as they leave for elsewhere: what is stored, with what came late merged in,
//! in the stored form.

use iq_chunk::{self as chunk, TIME_END, key};
use iq_domain::Timestamp;
use rusqlite::params;

use crate::Historian;
use crate::error::HistorianError;
use crate::store::{self, ChunkRef};

/// Pieces looked at in one go.
const MOST: i64 = 256;

/// A piece of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedPiece {
    /// Where it stands among the stored ones of its signal; the next follow after it.
    pub place: i64,
    /// Time of its first sample.
    pub from: Timestamp,
    /// Time of its last sample.
    pub to: Timestamp,
    /// Samples.
    pub samples: u64,
    /// Its bytes, as `iq_chunk` writes them.
    pub bytes: Vec<u8>,
}

/// How much is stored of a signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SealedSize {
    /// Pieces.
    pub pieces: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Time of the first sample of the first, and of the last of the last.
    pub span: Option<(Timestamp, Timestamp)>,
}

impl Historian {
    /// Stored pieces of a signal after a place, oldest first, until `room` bytes are full; samples from
    /// before `from` are left out. The second value is the place up to which was looked: a damaged piece
    /// is passed over, and said in the log.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn sealed(
        &self,
        signal_no: u32,
        after: Option<i64>,
        from: Timestamp,
        room: usize,
    ) -> Result<(Vec<SealedPiece>, Option<i64>), HistorianError> {
        let level = self.core().config.compression_level;
        self.core().with_view(signal_no, |conn| {
            let (mut found, mut looked, mut left) = (Vec::new(), after, room);
            for piece in pieces(conn, signal_no, after, from)? {
                match sealed(conn, &piece, from, level) {
                    Ok(Some(sealed)) => {
                        if !found.is_empty() && sealed.bytes.len() > left {
                            break;
                        }
                        left = left.saturating_sub(sealed.bytes.len());
                        found.push(sealed);
                    }
                    Ok(None) => {}
                    Err(HistorianError::Sqlite(error)) => return Err(error.into()),
                    Err(error) => {
                        tracing::error!(%error, signal_no, "A piece is damaged and does not leave.");
                    }
                }
                looked = Some(piece.t0);
                if left == 0 {
                    break;
                }
            }
            Ok((found, looked))
        })
    }

    /// How much is stored of a signal after a place, with samples from `from` on.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn sealed_size(
        &self,
        signal_no: u32,
        after: Option<i64>,
        from: Timestamp,
    ) -> Result<SealedSize, HistorianError> {
        self.core().with_view(signal_no, |conn| {
            let low = first_key(conn, signal_no, after, from)?;
            let row = conn
                .prepare_cached(
                    "SELECT count(*), coalesce(sum(length(c.blob)), 0), min(h.id), max(h.t1)
                     FROM chunk_hour h JOIN chunk c ON c.id = h.id
                     WHERE h.id >= ?1 AND h.id <= ?2 AND h.t1 >= ?3",
                )?
                .query_row(params![low, key(signal_no, TIME_END - 1), from.0], |row| {
                    Ok((
                        row.get::<_, i64>(0)?,
                        row.get::<_, i64>(1)?,
                        row.get::<_, Option<i64>>(2)?,
                        row.get::<_, Option<i64>>(3)?,
                    ))
                })?;
            let first = row.2.map(|id| Timestamp(id & (TIME_END - 1)));
            Ok(SealedSize {
                pieces: row.0.unsigned_abs(),
                bytes: row.1.unsigned_abs(),
                span: first.zip(row.3.map(Timestamp)),
            })
        })
    }
}

/// The first key to look at: after the place, and where samples from `from` on can be.
fn first_key(
    conn: &rusqlite::Connection,
    signal_no: u32,
    after: Option<i64>,
    from: Timestamp,
) -> Result<i64, HistorianError> {
    let from = from.0.clamp(0, TIME_END - 1);
    let around: Option<i64> = conn
        .prepare_cached(
            "SELECT max(id) FROM (SELECT id, t1 FROM chunk_hour WHERE id >= ?1 AND id <= ?2
             ORDER BY id DESC LIMIT 1) WHERE t1 >= ?3",
        )?
        .query_row(
            params![key(signal_no, 0), key(signal_no, from), from],
            |row| row.get(0),
        )?;
    let low = around.unwrap_or_else(|| key(signal_no, from));
    Ok(after.map_or(low, |place| low.max(key(signal_no, place) + 1)))
}

fn pieces(
    conn: &rusqlite::Connection,
    signal_no: u32,
    after: Option<i64>,
    from: Timestamp,
) -> Result<Vec<ChunkRef>, HistorianError> {
    let low = first_key(conn, signal_no, after, from)?;
    let mut statement = conn.prepare_cached(
        "SELECT id, t1, n FROM chunk_hour WHERE id >= ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
    )?;
    let high = key(signal_no, TIME_END - 1);
    let rows = statement.query_map(params![low, high, MOST], |row| {
        Ok(ChunkRef {
            signal_no,
            t0: row.get::<_, i64>(0)? & (TIME_END - 1),
            t1: row.get(1)?,
            n: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn sealed(
    conn: &rusqlite::Connection,
    piece: &ChunkRef,
    from: Timestamp,
    level: usize,
) -> Result<Option<SealedPiece>, HistorianError> {
    if piece.t1 < from.0 {
        return Ok(None);
    }
    let late = store::sides(conn, piece.signal_no, piece.t0, piece.t1 + 1)?;
    if late.is_empty() && piece.t0 >= from.0 {
        // As it is stored; the checksum is looked at all the same.
        return Ok(Some(SealedPiece {
            place: piece.t0,
            from: Timestamp(piece.t0),
            to: Timestamp(piece.t1),
            samples: piece.n.unsigned_abs(),
            bytes: piece.checked(conn)?,
        }));
    }
    let mut block = piece.block(conn)?;
    for side in &late {
        let span = side.block.span(piece.t0, piece.t1 + 1);
        block = block.merged(&side.block.part(span));
    }
    let block = block.part(block.span(from.0, i64::MAX));
    let Some((first, last)) = block.first_time().zip(block.last_time()) else {
        return Ok(None);
    };
    Ok(Some(SealedPiece {
        place: piece.t0,
        from: Timestamp(first),
        to: Timestamp(last),
        samples: block.len() as u64,
        bytes: chunk::encode(piece.signal_no, &block, level).ok_or(HistorianError::Codec)?,
    }))
}
