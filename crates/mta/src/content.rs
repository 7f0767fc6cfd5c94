//! Opens the content of a message where it begins.

use std::io::{self, SeekFrom};

use store::ContentFile;
use tokio::fs::File;
use tokio::io::AsyncSeekExt;

/// The file, with what stands before the content passed over.
pub(crate) async fn open(content: &ContentFile) -> io::Result<File> {
    let mut file = File::open(&content.path).await?;
    if content.start > 0 {
        file.seek(SeekFrom::Start(content.start)).await?;
    }
    Ok(file)
}
