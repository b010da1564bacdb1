//! A bound on the length of answers, beneath the generated client, which reads them whole into memory.
//!
//! It counts what a connection brings since something was last written to it. That is one answer, because only
//! HTTP/1.1 is spoken over it. A longer one ends as an error of the connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use google_calendar3::hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower::Service;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Makes connections that bring no more than so many bytes at a time.
#[derive(Clone)]
pub(super) struct BoundedConnector<C> {
    inner: C,
    limit: usize,
}

impl<C> BoundedConnector<C> {
    pub(super) fn new(inner: C, limit: usize) -> Self {
        Self { inner, limit }
    }
}

impl<C> Service<Uri> for BoundedConnector<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
{
    type Response = TokioIo<Bounded<TokioIo<C::Response>>>;
    type Error = C::Error;
    type Future = BoxFuture<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.inner.call(uri);
        let limit = self.limit;
        Box::pin(async move {
            Ok(TokioIo::new(Bounded {
                inner: TokioIo::new(connecting.await?),
                limit,
                brought: 0,
            }))
        })
    }
}

/// A connection that counts.
pub(super) struct Bounded<T> {
    inner: T,
    limit: usize,
    brought: usize,
}

impl<T: Connection> Connection for Bounded<TokioIo<T>> {
    fn connected(&self) -> Connected {
        self.inner.inner().connected()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Bounded<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        self.brought += buf.filled().len() - before;
        if self.brought > self.limit {
            return Poll::Ready(Err(io::Error::other("the answer is too long")));
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Bounded<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.brought = 0;
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.brought = 0;
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
