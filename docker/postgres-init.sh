#!/bin/sh
# Runs once, when the Postgres container makes its cluster. `manage.py prepare` does the rest.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set owner_password="$OWNER_PASSWORD" --set app_password="$APP_PASSWORD" <<'SQL'
CREATE ROLE agency_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE agency_app LOGIN PASSWORD :'app_password';
CREATE ROLE agency_tenant NOLOGIN;
GRANT agency_tenant TO agency_app WITH INHERIT FALSE, SET TRUE;
ALTER ROLE agency_app SET idle_in_transaction_session_timeout = '60s';
CREATE DATABASE agency OWNER agency_owner;
REVOKE CONNECT, TEMPORARY ON DATABASE agency FROM PUBLIC;
SQL
