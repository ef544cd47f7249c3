//! Objects: enough to see whether a bucket's policy lets one in.

use super::bucket::{bad_token, bounded, listing};
use super::object_lock::{self, version_id};
use super::{Found, authorize};
use crate::clock::iso_millis;
use crate::crypto::md5_hex;
use crate::error::ApiError;
use crate::protocol::{Reply, page};
use crate::turn::Turn;
use crate::world::Object;

pub(super) fn list(turn: &Turn<'_>, bucket: &Found) -> Result<Reply, ApiError> {
    authorize(turn, "s3:ListBucket", &bucket.arn(), bucket, false)?;
    let prefix = turn.message.query_param("prefix").unwrap_or_default();
    let token = turn.message.query_param("continuation-token");
    let wanted = bounded(turn, "max-keys", 1000)?;
    let objects = turn
        .world
        .bucket(&bucket.name)
        .map(|(_, bucket)| bucket.objects.iter().collect::<Vec<_>>())
        .unwrap_or_default();
    let matching = objects.into_iter().filter(|(key, _)| key.starts_with(&prefix)).collect();
    let mut settings = turn.world.settings.clone();
    settings.empty_first_page = false;
    let page = page::cut(matching, token.as_deref(), wanted, &settings).map_err(|_| bad_token())?;
    Ok(listing("ListBucketResult", |xml| {
        xml.text("Name", &bucket.name).text("Prefix", &prefix);
        xml.text("KeyCount", &page.items.len().to_string()).text("MaxKeys", &wanted.to_string());
        xml.text("IsTruncated", if page.next.is_some() { "true" } else { "false" });
        xml.maybe("ContinuationToken", token.as_deref()).maybe("NextContinuationToken", page.next.as_deref());
        for (key, object) in &page.items {
            xml.element("Contents", |xml| {
                xml.text("Key", key).text("LastModified", &iso_millis(object.modified));
                xml.text("ETag", &etag(object)).text("Size", &object.body.len().to_string());
                xml.text("StorageClass", "STANDARD");
            });
        }
    }))
}

pub(super) fn get(turn: &Turn<'_>, bucket: &Found, key: &str, head: bool) -> Result<Reply, ApiError> {
    authorize(turn, "s3:GetObject", &object_arn(bucket, key), bucket, false)?;
    let stored = turn.world.bucket(&bucket.name).map(|(_, bucket)| bucket);
    let object = match version_id(turn) {
        None => stored
            .and_then(|bucket| bucket.objects.get(key))
            .ok_or_else(|| ApiError::new(404, "NoSuchKey", "The specified key does not exist.").detail("Key", key))?,
        Some(version) => stored
            .and_then(|bucket| object_lock::version(bucket, key, &version))
            .ok_or_else(|| object_lock::no_such_version(key, &version))?,
    };
    let kind = object.content_type.as_deref().unwrap_or("binary/octet-stream");
    let reply = Reply::new(200, kind, object.body.clone()).header("etag", &etag(object));
    let reply = object_lock::headers(reply, object);
    // hyper does not write the body of an answer to HEAD, only its length.
    Ok(if head { reply.header("accept-ranges", "bytes") } else { reply })
}

pub(super) fn put(turn: &mut Turn<'_>, bucket: &Found, key: &str) -> Result<Reply, ApiError> {
    authorize(turn, "s3:PutObject", &object_arn(bucket, key), bucket, false)?;
    if turn.message.header("x-amz-copy-source").is_some() {
        return Err(super::not_simulated("CopyObject"));
    }
    let body = if turn.message.header("x-amz-content-sha256").is_some_and(|digest| digest.starts_with("STREAMING-")) {
        unchunk(&turn.message.body)
            .ok_or_else(|| ApiError::new(400, "IncompleteBody", "The request body terminated unexpectedly"))?
    } else {
        turn.message.body.to_vec()
    };
    object_lock::check_digest(turn, &body)?;
    let lock = object_lock::of_request(turn, bucket, &object_arn(bucket, key))?;
    object_lock::check_condition(turn, bucket, key)?;
    let content_type = turn.message.header("content-type").map(str::to_owned);
    let object = Object { body, content_type, modified: turn.now, lock, version_id: None };
    let mut reply = Reply::empty(200).header("etag", &etag(&object));
    if let Some(bucket) = turn.world.bucket_mut(&bucket.name)
        && let Some(version) = object_lock::insert(bucket, key, object)
    {
        reply = reply.header("x-amz-version-id", &version);
    }
    Ok(reply)
}

pub(super) fn delete(turn: &mut Turn<'_>, bucket: &Found, key: &str) -> Result<Reply, ApiError> {
    let arn = object_arn(bucket, key);
    if let Some(version) = version_id(turn) {
        authorize(turn, "s3:DeleteObjectVersion", &arn, bucket, false)?;
        object_lock::delete_version(turn, bucket, key, &version)?;
        return Ok(Reply::empty(204).header("x-amz-version-id", &version));
    }
    authorize(turn, "s3:DeleteObject", &arn, bucket, false)?;
    if let Some(bucket) = turn.world.bucket_mut(&bucket.name)
        && let Some(object) = bucket.objects.remove(key)
        && bucket.object_lock
    {
        bucket.older_versions.push((key.to_owned(), object));
        return Ok(Reply::empty(204).header("x-amz-delete-marker", "true"));
    }
    Ok(Reply::empty(204))
}

pub(super) fn object_arn(bucket: &Found, key: &str) -> String {
    format!("{}/{key}", bucket.arn())
}

fn etag(object: &Object) -> String {
    format!("\"{}\"", md5_hex(&object.body))
}

/// Undoes `aws-chunked`: a hexadecimal size (and extensions), the chunk, and so on until a chunk of size 0.
fn unchunk(body: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut rest) = (Vec::new(), body);
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(rest.get(..end)?).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?, 16).ok()?;
        rest = rest.get(end + 2..)?;
        if size == 0 {
            return Some(out);
        }
        out.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::unchunk;

    #[test]
    fn chunks_are_put_together() {
        assert_eq!(
            unchunk(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nx-amz-checksum-crc32:AA==\r\n\r\n").as_deref(),
            Some(&b"abcde"[..])
        );
        for bad in [&b""[..], b"3\r\nab", b"zz\r\n", b"ffffffffffffffff\r\nab"] {
            assert_eq!(unchunk(bad), None);
        }
    }
}
