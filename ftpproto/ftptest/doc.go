// Package ftptest tests FTP servers: FS is a file system in memory for package ftpproto to
// serve, Client a client that does exactly what it is told, and Run plays transcripts.
//
// # Transcripts
//
// A transcript is a text file: a dialogue between clients and a server, after a head that says
// how the server is set up. Each has a server of its own. It can be read as a specification: all
// that the server sends is written down, and all that is on its file system at the end.
//
//	# An upload is visible only when it is complete.
//
//	user: bob secret
//	before:
//	  /in/
//	  /in/a.txt "old"
//
//	C! login bob
//	C: EPSV
//	S: 229 Entering Extended Passive Mode (|||{port}|)
//	D! connect
//	C: STOR /in/a.txt
//	S: 150 Ready to receive.
//	D> "new " "bytes"
//	D! close
//	S: 226 Transfer complete.
//
//	after:
//	  /in/a.txt "new bytes"
//
// Empty lines and lines that begin with # are comments. Every step has 10 seconds.
//
// # The head
//
//	user: NAME PASSWORD [deny=LETTERS] [no-times] [no-sums]
//	                              may log in; LETTERS (RFC 3659 §7.5.5) are what the user may
//	                              not do; no-times, no-sums: a file system without MFMT, without
//	                              HASH. Without any such line there is "bob", whose password is
//	                              "secret"
//	listen: ::1                   the server's address; 127.0.0.1 without it
//	tls: explicit                 or required, or implicit (ftpproto.TLSMode)
//	timeout: PHASE 500ms          PHASE is login, idle, data-open, handshake, stall or reply
//	public-address: 192.0.2.1     ftpproto.PassiveOptions
//	greeting: TEXT                ftpproto.ListenerOptions
//	max-sessions: 2               ftpproto.Options
//	max-sessions-per-address: 2   ftpproto.Options
//	fail: OP NAME [at N] [CODE TEXT]
//	                              operation OP (see Op) on NAME fails, for read and write after
//	                              N bytes, with that reply or with an error that has none
//	block: OP NAME [at N]         it waits until its context ends
//
// # The trees
//
// The indented lines after "before:" and "after:" are folders, which end in "/", and files with
// their time, if it is not Epoch, and data:
//
//	/in/
//	/in/a.txt 2020-01-02T03:04:05Z "hello\r\n"
//	"/in/with space" "x"
//	/in/big pattern[0:100000]
//
// Data are Go strings, repeated strings as "x"*5000, and slices of Pattern, one after the other. Without "after:" the tree must
// end as it began.
//
// # The dialogue
//
//	C: TEXT    the client sends a line. Such lines one after the other go out in one write
//	C> DATA    the client sends these bytes
//	S: TEXT    the server sends this line of a reply. A byte that is not UTF-8 is shown as ‹ff›
//	C< DATA    the server sends these bytes, which are no reply: Telnet negotiation
//	D> DATA    the client sends these bytes on the data connection
//	D< DATA    the server sends these bytes on the data connection
//	D< end     the server ends the data connection in good order, under TLS by close_notify,
//	           and has sent nothing but the lines before
//	D< gone    the server ends it, or resets it
//
// A letter may have a number behind it, as in "C2:" and "S2:": another client, which connects
// when it is first mentioned. The others of the client's and server's acts are
//
//	C! login NAME      the greeting, if it is the client's first act, USER and PASS
//	C! tls [1.2|1.3]   the TLS handshake on the control connection
//	C! clear           end of TLS on the control connection (RFC 4217 §13)
//	C! close, C! reset the client ends the control connection by FIN, by RST
//	C! half-close      the client ends its side of it and goes on reading
//	S! closed          the server ends it in good order, and has sent nothing more
//	S! gone            the server ends it, or resets it
//	D! connect [from ADDRESS]
//	                   the client connects to the port of the last 227 or 229
//	D! refused         it tries to, and the port is closed
//	D! accept          the client takes the server's connection in active mode; {port} in a
//	                   C: line opens the port for it
//	D! tls             the TLS handshake on the data connection
//	D! close, D! reset the client ends it in good order, by RST
//	D! cut             the client ends it by FIN, under TLS without close_notify
//
// A client that has not quit when the dialogue is over sends QUIT and must get 221 next.
//
// What varies is written as {port}, {date} (of LIST), {time} (of MDTM), {n} (a number) or {any}
// (the rest of the line). Any other word in braces is a name: it stands for the word
// that it met first, also in what is sent later.
//
// # Rewriting
//
// Mode.Update writes the texts of replies and the data received up to "D< end" into the file as
// the server sends them. A reply with another code is a failure all the same.
package ftptest
