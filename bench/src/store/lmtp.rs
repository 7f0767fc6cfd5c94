//! Delivers messages over one LMTP connection.

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Delivers messages to one recipient, one after another.
pub(crate) async fn deliver(port: u16, recipient: &str, messages: &[Vec<u8>]) -> Result<()> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    reply(&mut stream, "2").await?;
    stream.write_all(b"LHLO bench.test\r\n").await?;
    reply(&mut stream, "2").await?;
    for message in messages {
        let envelope = format!("MAIL FROM:<source@load.test>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n");
        stream.write_all(envelope.as_bytes()).await?;
        for expected in ["2", "2", "3"] {
            reply(&mut stream, expected).await?;
        }
        stream.write_all(message).await?;
        stream.write_all(b".\r\n").await?;
        reply(&mut stream, "2").await?;
    }
    stream.write_all(b"QUIT\r\n").await?;
    reply(&mut stream, "2").await
}

async fn reply(stream: &mut BufReader<TcpStream>, expected: &str) -> Result<()> {
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            bail!("the connection is closed");
        }
        if !line.starts_with(expected) {
            bail!("refused: {}", line.trim());
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(());
        }
    }
}
