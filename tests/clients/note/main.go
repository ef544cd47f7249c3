// Verifies signed checkpoints with Go's own implementation of signed notes, golang.org/x/mod/sumdb/note, and signs one:
// what rootgate and other people's tools write and read has to be the same.
//
//	note verify PUBLIC_KEY < NOTE      prints the text; fails unless the key has signed it
//	note sign PRIVATE_KEY_FILE < TEXT  prints the note
//	note generate NAME                 prints a private key, and a public one
package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"

	"golang.org/x/mod/sumdb/note"
)

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: note verify|sign|generate ARGUMENT"))
	}
	var err error
	switch os.Args[1] {
	case "verify":
		err = verify(os.Args[2])
	case "sign":
		err = sign(os.Args[2])
	case "generate":
		err = generate(os.Args[2])
	default:
		err = fmt.Errorf("unknown command %q", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
}

func verify(key string) error {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return err
	}
	message, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	opened, err := note.Open(message, note.VerifierList(verifier))
	if err != nil {
		return err
	}
	_, err = os.Stdout.WriteString(opened.Text)
	return err
}

func sign(path string) error {
	key, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(string(bytes.TrimSuffix(key, []byte("\n"))))
	if err != nil {
		return err
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	signed, err := note.Sign(&note.Note{Text: string(text)}, signer)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(signed)
	return err
}

func generate(name string) error {
	private, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return err
	}
	_, err = fmt.Println(private + "\n" + public)
	return err
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "error:", err)
	os.Exit(1)
}
