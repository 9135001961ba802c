//! The line, before a server that sends back what it gets.

use super::*;

/// A server that sends back what it gets, and a client through the line.
async fn echo() -> (Proxy, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = socket.split();
                let _may_be_cut = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    let proxy = Proxy::before(&format!("http://{address}")).await;
    let client = TcpStream::connect(proxy.address).await.unwrap();
    (proxy, client)
}

async fn heard(client: &mut TcpStream, count: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; count];
    let reading = client.read_exact(&mut bytes);
    let read = tokio::time::timeout(Duration::from_millis(300), reading).await.ok()?;
    read.ok().map(|_| bytes)
}

#[tokio::test]
async fn a_fair_line_carries_and_fires_nothing() {
    let (proxy, mut client) = echo().await;
    client.write_all(b"hello").await.unwrap();
    assert_eq!(heard(&mut client, 5).await.unwrap(), b"hello");
    assert_eq!((proxy.fired(), proxy.open()), (0, 1));
}

#[tokio::test]
async fn what_is_held_or_stalled_comes_later_and_what_is_swallowed_never() {
    for weather in [Weather::Held(Way::Down), Weather::Stalled(Way::Up)] {
        let (proxy, mut client) = echo().await;
        proxy.set(weather);
        client.write_all(b"hello").await.unwrap();
        assert_eq!(heard(&mut client, 5).await, None, "{weather:?}");
        proxy.set(Weather::Fair);
        assert_eq!(heard(&mut client, 5).await.unwrap(), b"hello", "{weather:?}");
        assert!(proxy.fired() > 0);
    }
    let (proxy, mut client) = echo().await;
    proxy.set(Weather::Swallowed(Way::Down));
    client.write_all(b"hello").await.unwrap();
    assert_eq!(heard(&mut client, 5).await, None);
    proxy.set(Weather::Fair);
    client.write_all(b"again").await.unwrap();
    assert_eq!(heard(&mut client, 5).await, None, "the connection is dead for good");
}

#[tokio::test]
async fn a_line_is_cut_in_the_middle_once() {
    let (proxy, mut client) = echo().await;
    proxy.set(Weather::CutAfter(3));
    client.write_all(b"hello").await.unwrap();
    assert_eq!(heard(&mut client, 3).await.unwrap(), b"hel");
    assert!(!matches!(client.read(&mut [0; 8]).await, Ok(1..)), "nothing comes after it");
    let mut next = TcpStream::connect(proxy.address).await.unwrap();
    next.write_all(b"hello").await.unwrap();
    assert_eq!(heard(&mut next, 5).await.unwrap(), b"hello");
    assert_eq!(proxy.fired(), 1);
}

#[tokio::test]
async fn all_are_reset_at_once() {
    let (proxy, mut client) = echo().await;
    client.write_all(b"hello").await.unwrap();
    assert_eq!(heard(&mut client, 5).await.unwrap(), b"hello");
    proxy.reset();
    let ended = client.read(&mut [0; 8]).await;
    assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(proxy.fired(), 1);
}

#[tokio::test]
async fn a_websocket_is_asked_for_late_and_nothing_else_is() {
    let (proxy, mut client) = echo().await;
    proxy.set(Weather::LateWebSockets(Duration::from_secs(3600)));
    client.write_all(b"GET /?transport=polling").await.unwrap();
    assert!(heard(&mut client, 23).await.is_some());
    assert_eq!(proxy.fired(), 0);
    client.write_all(b"GET /?transport=websocket").await.unwrap();
    assert_eq!(heard(&mut client, 25).await, None);
    assert_eq!(proxy.fired(), 1);
}
