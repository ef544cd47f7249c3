// Prints a token that proves the AWS identity of this process to one rootgate.
//
// Usage: go run . AUDIENCE      (credentials and region as every AWS tool finds them)
package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"log"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
)

// SHA-256 of the empty body.
const emptyBody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// Token signs a GetCallerIdentity for this audience without sending it. Each token is good for one call.
func Token(ctx context.Context, cfg aws.Config, audience string) (string, error) {
	query := url.Values{
		"Action":  {"GetCallerIdentity"},
		"Version": {"2011-06-15"},
		// Two tokens of one second and one lifetime would be the same token.
		"X-Amz-Expires": {strconv.Itoa(60 + rand.IntN(841))},
	}
	endpoint := fmt.Sprintf("https://sts.%s.amazonaws.com/?%s", cfg.Region, query.Encode())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("x-rootgate-audience", audience)
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return "", err
	}
	presigned, _, err := v4.NewSigner().PresignHTTP(ctx, credentials, request, emptyBody, "sts", cfg.Region, time.Now())
	if err != nil {
		return "", err
	}
	return "rootgate-aws-v1." + base64.RawURLEncoding.EncodeToString([]byte(presigned)), nil
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: go run . AUDIENCE")
	}
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	token, err := Token(ctx, cfg, os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token)
}
