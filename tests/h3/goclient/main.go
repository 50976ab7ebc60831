// Command goclient asks for things over HTTP/3 with quic-go, as it is told.
//
// Each line of standard input is one task as JSON; each is answered by one line of JSON on standard
// output. A task is a number of requests at once on the present connection, which the first of them
// opens; or "close", after which the next opens another one (with the session tickets that it got);
// or "rebind", after which the connection speaks from another UDP port (a NAT that forgot us).
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	quic "github.com/lucas-clemente/quic-go"
	"github.com/lucas-clemente/quic-go/http3"
)

const patience = 30 * time.Second

// Task is what one line asks for.
type Task struct {
	Do     string            `json:"do"`     // "request", "close", "rebind"
	Method string            `json:"method"` // GET_0RTT: a GET that does not wait for the handshake
	URL    string            `json:"url"`
	Header map[string]string `json:"header"`
	Size   int               `json:"size"`   // of the body that is sent
	Count  int               `json:"count"`  // how many of them at once; "%d" in the URL is the number
	Cancel bool              `json:"cancel"` // give up once the response's header has come
}

// Response is what became of one request.
type Response struct {
	Status  int                 `json:"status"`
	Proto   string              `json:"proto"`
	Header  map[string][]string `json:"header"`
	Size    int64               `json:"size"`
	SHA256  string              `json:"sha256"`
	Text    string              `json:"text"` // the first 4096 bytes
	Length  int64               `json:"length"`
	Resumed bool                `json:"resumed"`
	Early   bool                `json:"early"` // it was sent as 0-RTT data, and accepted
	Error   string              `json:"error"`
}

// pattern is a body: 0, 1, ... 255, 0, 1, ...
type pattern struct{ sent, size int }

func (p *pattern) Read(b []byte) (int, error) {
	if p.sent >= p.size {
		return 0, io.EOF
	}
	count := 0
	for count < len(b) && p.sent < p.size {
		b[count] = byte(p.sent)
		count++
		p.sent++
	}
	return count, nil
}

// socket is a UDP socket whose port can change under the connection that uses it.
type socket struct {
	mutex sync.RWMutex
	conn  *net.UDPConn
}

func listen() (*net.UDPConn, error) {
	return net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
}

func (s *socket) current() *net.UDPConn {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	return s.conn
}

func (s *socket) rebind() error {
	fresh, err := listen()
	if err != nil {
		return err
	}
	s.mutex.Lock()
	old := s.conn
	s.conn = fresh
	s.mutex.Unlock()
	return old.Close()
}

func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		conn := s.current()
		count, from, err := conn.ReadFrom(b)
		if err != nil && conn != s.current() {
			continue // it was closed because there is another one
		}
		return count, from, err
	}
}

func (s *socket) WriteTo(b []byte, to net.Addr) (int, error) {
	for {
		conn := s.current()
		count, err := conn.WriteTo(b, to)
		if err != nil && conn != s.current() {
			continue
		}
		return count, err
	}
}

func (s *socket) Close() error                       { return s.current().Close() }
func (s *socket) LocalAddr() net.Addr                { return s.current().LocalAddr() }
func (s *socket) SetDeadline(t time.Time) error      { return s.current().SetDeadline(t) }
func (s *socket) SetReadDeadline(t time.Time) error  { return s.current().SetReadDeadline(t) }
func (s *socket) SetWriteDeadline(t time.Time) error { return s.current().SetWriteDeadline(t) }

// client is one connection after the other.
type client struct {
	tls       *tls.Config
	transport *http3.RoundTripper
	socket    *socket
	conn      quic.EarlyConnection
}

func (c *client) open() {
	if c.transport != nil {
		return
	}
	c.transport = &http3.RoundTripper{
		TLSClientConfig:    c.tls,
		DisableCompression: true,
		QuicConfig:         &quic.Config{Versions: []quic.VersionNumber{quic.Version1}},
		Dial: func(ctx context.Context, addr string, config *tls.Config, options *quic.Config) (quic.EarlyConnection, error) {
			to, err := net.ResolveUDPAddr("udp4", addr)
			if err != nil {
				return nil, err
			}
			conn, err := listen()
			if err != nil {
				return nil, err
			}
			c.socket = &socket{conn: conn}
			c.conn, err = quic.DialEarlyContext(ctx, c.socket, to, addr, config, options)
			return c.conn, err
		},
	}
}

func (c *client) close() {
	if c.transport != nil {
		c.transport.Close()
		c.transport = nil
	}
	if c.socket != nil {
		c.socket.Close()
		c.socket = nil
	}
}

func (c *client) request(task Task, number int) (response Response) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	url := task.URL
	if task.Count > 1 {
		url = fmt.Sprintf(url, number)
	}
	var body io.Reader
	if task.Size > 0 {
		body = &pattern{size: task.Size}
	}
	request, err := http.NewRequestWithContext(ctx, task.Method, url, body)
	if err != nil {
		response.Error = err.Error()
		return
	}
	for name, value := range task.Header {
		request.Header.Set(name, value)
	}
	got, err := c.transport.RoundTrip(request)
	if err != nil {
		response.Error = err.Error()
		return
	}
	response.Status = got.StatusCode
	response.Proto = got.Proto
	response.Header = got.Header
	response.Length = got.ContentLength
	if task.Cancel {
		cancel()
		got.Body.Close()
		return
	}
	sum, head := sha256.New(), &bytes.Buffer{}
	response.Size, err = io.CopyN(io.MultiWriter(sum, head), got.Body, 4096)
	if err == nil {
		var more int64
		more, err = io.Copy(sum, got.Body)
		response.Size += more
	}
	if err != nil && err != io.EOF {
		response.Error = err.Error()
	}
	got.Body.Close()
	response.SHA256 = hex.EncodeToString(sum.Sum(nil))
	response.Text = head.String()
	state := c.conn.ConnectionState().TLS
	response.Resumed = state.DidResume
	response.Early = state.Used0RTT
	return
}

func (c *client) do(task Task) []Response {
	switch task.Do {
	case "close":
		c.close()
	case "rebind":
		if err := c.socket.rebind(); err != nil {
			return []Response{{Error: err.Error()}}
		}
	case "request":
		c.open()
		if task.Count < 1 {
			task.Count = 1
		}
		responses := make([]Response, task.Count)
		var all sync.WaitGroup
		for number := range responses {
			all.Add(1)
			go func(number int) {
				defer all.Done()
				responses[number] = c.request(task, number)
			}(number)
		}
		all.Wait()
		return responses
	default:
		return []Response{{Error: "no such task: " + task.Do}}
	}
	return []Response{}
}

func main() {
	authority, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority)
	c := &client{tls: &tls.Config{
		RootCAs:            trusted,
		ClientSessionCache: tls.NewLRUClientSessionCache(10),
	}}
	defer c.close()
	lines := bufio.NewScanner(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var task Task
		if err := json.Unmarshal(lines.Bytes(), &task); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := answers.Encode(c.do(task)); err != nil {
			os.Exit(1)
		}
	}
}
