//! Faults: code, message, spelling, body.

use super::config::FaultSpelling;
use super::http1::{Framing, Header, last_text};

/// A fault made by X-Road, not by the backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// In the 7.8 spelling.
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The code in a spelling.
    pub(super) fn spelled(&self, spelling: FaultSpelling) -> String {
        match spelling {
            FaultSpelling::Since78 => self.code.to_owned(),
            FaultSpelling::Before78 => self.code.split('.').map(camel).collect::<Vec<_>>().join("."),
        }
    }

    /// The complete answer, connection to be closed as the real server does.
    pub(super) fn answer(&self, spelling: FaultSpelling, request: &[Header], is_head: bool) -> Vec<u8> {
        let code = self.spelled(spelling);
        let detail = uuid::Uuid::new_v4().to_string();
        let accept = last_text(request, "Accept").unwrap_or_default();
        let media: Vec<&str> = accept.split(',').filter_map(|m| m.split(';').next()).map(str::trim).collect();
        let text_xml = media.iter().any(|m| matches!(*m, "text/xml" | "text/*"));
        let xml = text_xml || media.contains(&"application/xml");
        let (content_type, body) = if xml {
            let [code, message] = [&code, &self.message].map(|t| escape(t));
            let body = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?><error><type>{code}</type>\
                 <message>{message}</message><detail>{detail}</detail></error>"
            );
            let kind = if text_xml { "text/xml" } else { "application/xml" };
            (format!("{kind};charset=utf-8"), body)
        } else {
            let body = serde_json::json!({"type": code, "message": self.message, "detail": detail}).to_string();
            ("application/json".to_owned(), body)
        };
        let body = if is_head { String::new() } else { body };
        format!(
            "HTTP/1.1 500 Server Error\r\nDate: {}\r\nX-Road-Error: {code}\r\nContent-Type: {content_type}\r\n\
             Connection: close\r\n\r\n{body}",
            date()
        )
        .into_bytes()
    }
}

/// Jetty's bare refusal.
pub(super) fn bare(status: u16, reason: &str) -> Vec<u8> {
    let body = format!(
        "<html>\n<head>\n<meta http-equiv=\"Content-Type\" content=\"text/html;charset=ISO-8859-1\"/>\n\
         <title>Error {status} {reason}</title>\n</head>\n<body>\n<h2>HTTP ERROR {status} {reason}</h2>\n\
         <table>\n<tr><th>URI:</th><td>/badURI</td></tr>\n<tr><th>STATUS:</th><td>{status}</td></tr>\n\
         <tr><th>MESSAGE:</th><td>{reason}</td></tr>\n</table>\n\n</body>\n</html>\n"
    );
    format!(
        "HTTP/1.1 {status} {}\r\nDate: {}\r\nCache-Control: must-revalidate,no-cache,no-store\r\n\
         Content-Type: text/html;charset=iso-8859-1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        if status == 431 { "Request Header Fields Too Large" } else { "Bad Request" },
        date(),
        body.len()
    )
    .into_bytes()
}

/// The SOAP fault, with status 200, of anything that is not a REST path.
pub(super) fn soap(code: &str, message: &str) -> Vec<u8> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><SOAP-ENV:Envelope \
         xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\"><SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>{}</faultcode>\
         <faultstring>{}</faultstring><faultactor></faultactor><detail><faultDetail xmlns=\"\">{}</faultDetail></detail>\
         </SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>",
        escape(code),
        escape(message),
        uuid::Uuid::new_v4()
    );
    format!(
        "HTTP/1.1 200 OK\r\nDate: {}\r\nContent-Type: text/xml;charset=utf-8\r\nSOAPAction: \r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        date(),
        body.len()
    )
    .into_bytes()
}

/// The `Date` header's value.
pub(super) fn date() -> String {
    jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What the real server says of an answer that ends too soon.
pub(super) fn broken_off(framing: Framing, received: usize, error: &std::io::Error) -> String {
    let Framing::Length(expected) = framing else { return error.to_string() };
    format!(
        "Premature end of Content-Length delimited message body (expected: {}; received: {})",
        grouped(expected),
        grouped(received as u64)
    )
}

/// A number with commas between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `access_denied` to `AccessDenied`, and the two proxies as they were written.
fn camel(part: &str) -> String {
    match part {
        "clientproxy" => return "ClientProxy".to_owned(),
        "serverproxy" => return "ServerProxy".to_owned(),
        _ => {}
    }
    part.split('_')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_written() {
        let fault = Fault::new("server.serverproxy.access_denied", "no");
        assert_eq!(fault.spelled(FaultSpelling::Since78), "server.serverproxy.access_denied");
        assert_eq!(fault.spelled(FaultSpelling::Before78), "Server.ServerProxy.AccessDenied");
    }
}
