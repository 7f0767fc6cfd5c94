//! Behind a proxy: which client it is, as the PROXY protocol says in front of everything else.

use std::io;

use proxy_header::{ParseConfig, ProxyHeader};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::Ends;
use crate::listen::ListenerSettings;
use crate::world::Stream;

/// What version 2 begins with; version 1 is a line that begins with `PROXY`.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of a line of version 1 at most, its end included.
const LINE_BYTES_MAX: usize = 107;
/// Bytes of a header of version 2 at most, after its first sixteen: addresses and what else a proxy may add.
const REST_BYTES_MAX: usize = 4096;

/// Both ends as the proxy names them; as they are, if the listener knows no proxy at this address.
///
/// Nothing is read beyond the header, and no header is believed from anybody else.
///
/// # Errors
/// There is no header, it is not whole in time, or it makes no sense: the connection is of no use.
pub(super) async fn ends(
    listener: &ListenerSettings,
    stream: &mut Box<dyn Stream>,
    ends: Ends,
) -> io::Result<Ends> {
    let ip = ends.client_ip();
    if !listener.proxy_networks.iter().any(|network| network.contains(&ip)) {
        return Ok(ends);
    }
    let header = timeout(listener.times.handshake, header(stream)).await??;
    let config = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
    let (header, _) = ProxyHeader::parse(&header, config).map_err(|why| malformed(&why.to_string()))?;
    // The proxy itself, such as its health check: it is who it is.
    let Some(named) = header.proxied_address() else { return Ok(ends) };
    Ok(Ends { client: named.source, local: named.destination })
}

/// The bytes of the header, not one more.
async fn header(stream: &mut Box<dyn Stream>) -> io::Result<Vec<u8>> {
    let mut header = vec![0; SIGNATURE.len()];
    stream.read_exact(&mut header).await?;
    if header != SIGNATURE {
        while !header.ends_with(b"\r\n") {
            if header.len() == LINE_BYTES_MAX || !header.starts_with(b"PROXY ") {
                return Err(malformed("it does not begin with a header"));
            }
            header.push(stream.read_u8().await?);
        }
        return Ok(header);
    }
    let version_and_family = stream.read_u16().await?;
    let length = stream.read_u16().await?;
    if usize::from(length) > REST_BYTES_MAX {
        return Err(malformed("the header is too long"));
    }
    header.extend(version_and_family.to_be_bytes());
    header.extend(length.to_be_bytes());
    let begun = header.len();
    header.resize(begun + usize::from(length), 0);
    stream.read_exact(&mut header[begun..]).await?;
    Ok(header)
}

fn malformed(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("PROXY protocol: {why}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt;

    use super::*;

    const PROXY: &str = "192.0.2.1:4000";
    const CLIENT: &str = "203.0.113.9:50000";

    /// What a connection from this address turns out to be after these bytes, and what is left to read.
    fn check(from: &str, bytes: &[u8]) -> Result<(String, Vec<u8>), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(async {
            let mut listener = ListenerSettings::smtp("smtp", "127.0.0.1:25".parse().expect("an address"));
            listener.proxy_networks = vec!["192.0.2.0/24".parse().expect("a network")];
            let (ours, mut theirs) = tokio::io::duplex(16 * 1024);
            theirs.write_all(bytes).await.expect("room in the pipe");
            let mut ours: Box<dyn Stream> = Box::new(ours);
            let local = "127.0.0.1:25".parse().expect("an address");
            let seen =
                ends(&listener, &mut ours, Ends { client: from.parse().expect("an address"), local }).await;
            let seen = seen.map_err(|why| why.to_string())?;
            drop(theirs);
            let mut rest = Vec::new();
            ours.read_to_end(&mut rest).await.expect("the rest");
            Ok((seen.client.to_string(), rest))
        })
    }

    fn version_2(rest: &[u8]) -> Vec<u8> {
        let mut header = Vec::new();
        let (source, destination) =
            (CLIENT.parse().expect("an address"), "198.51.100.1:25".parse().expect("one"));
        let address = proxy_header::ProxiedAddress::stream(source, destination);
        ProxyHeader::with_address(address).encode_v2(&mut header).expect("it fits");
        [&header, rest].concat()
    }

    // proves: D15
    #[test]
    fn the_client_is_who_the_proxy_says_and_no_byte_of_its_own_is_lost() {
        let line = b"PROXY TCP4 203.0.113.9 198.51.100.1 50000 25\r\nEHLO a\r\n";
        let expected = Ok((CLIENT.to_owned(), b"EHLO a\r\n".to_vec()));
        assert_eq!(check(PROXY, line), expected);
        assert_eq!(check(PROXY, &version_2(b"EHLO a\r\n")), expected);
        assert_eq!(check(PROXY, b"PROXY UNKNOWN\r\nX"), Ok((PROXY.to_owned(), b"X".to_vec())));
    }

    // proves: D15
    #[test]
    fn a_header_from_a_stranger_is_not_read() {
        let line = b"PROXY TCP4 10.0.0.1 198.51.100.1 50000 25\r\n";
        assert_eq!(check(CLIENT, line), Ok((CLIENT.to_owned(), line.to_vec())));
    }

    // proves: D15
    #[test]
    fn a_proxy_that_sends_no_whole_header_is_of_no_use() {
        let cut = version_2(b"");
        let endless = [&b"PROXY TCP4 "[..], &[b'1'; 200]].concat();
        let mut long = version_2(b"");
        long[14] = 0xff;
        for bytes in [&b"EHLO a.example\r\n"[..], b"PROXY TCP4 203.0.113.9", b"", b"PROXY TCP4 x y 1 2\r\n"]
            .into_iter()
            .chain([&cut[..cut.len() - 1], &endless, &long])
        {
            assert!(check(PROXY, bytes).is_err(), "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = check(PROXY, &bytes);
            let _ = check(PROXY, &[&SIGNATURE[..], &bytes].concat());
        }
    }
}
