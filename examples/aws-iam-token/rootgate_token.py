#!/usr/bin/env python3
"""Prints a token that proves the AWS identity of this process to one rootgate.

Usage: python3 rootgate_token.py AUDIENCE [REGION]     (credentials, and the region if left out, as every AWS tool finds them)

Needs boto3.
"""
import base64
import secrets
import sys

import boto3
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest


def token(audience, region=None, session=None):
    """Signs a GetCallerIdentity for this audience without sending it. Each token is good for one call."""
    session = session or boto3.Session()
    region = region or session.region_name
    url = f"https://sts.{region}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest("GET", url, headers={"x-rootgate-audience": audience})
    # Two tokens of one second and one lifetime would be the same token.
    lifetime = 60 + secrets.randbelow(841)
    SigV4QueryAuth(session.get_credentials().get_frozen_credentials(), "sts", region, lifetime).add_auth(request)
    return "rootgate-aws-v1." + base64.urlsafe_b64encode(request.url.encode()).decode().rstrip("=")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    print(token(*sys.argv[1:]))
