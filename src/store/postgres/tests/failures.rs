//! A server that fails: what is said, and that nothing that was acknowledged is lost.

use super::*;

#[tokio::test]
async fn what_was_committed_survives_a_crash_and_what_was_not_is_gone() {
    let cluster = Cluster::start_new(&Options::default());
    let database = cluster.database("crash");
    let store = store(&database).await;
    let mut connection = store.connect(WhenEmpty::Initialise).await.unwrap();
    append(connection.as_mut(), 1).await.unwrap();
    let mut open_one = connection.append().await.unwrap();
    open_one.add(&one(2)).await.unwrap();
    cluster.stop();
    let failure = open_one.commit().await.unwrap_err();
    assert_eq!(write_problem(&failure), ServerProblem::Lost, "{failure}");
    assert!(failure.to_string().contains("the gateway goes on by itself"), "{failure}");
    let error = store.connect(WhenEmpty::Refuse).await.err().unwrap();
    assert_eq!(problem(&error), ServerProblem::Unreachable, "{error}");
    assert_eq!(problem(&store.snapshot().await.err().unwrap()), ServerProblem::Unreachable);
    cluster.start();
    assert_eq!(connection.append().await.map(drop).map_err(|e| write_problem(&e)), Err(ServerProblem::Lost));
    connection.close().await.unwrap();
    let mut again = store.connect(WhenEmpty::Refuse).await.unwrap();
    assert_eq!(again.append().await.unwrap().head().await.unwrap().map(|(index, _)| index), Some(1));
}

#[tokio::test]
async fn a_connection_that_was_ended_in_a_transaction_commits_nothing() {
    let cluster = Cluster::start_new(&Options::default());
    let database = cluster.database("ended");
    let mut connection = connect(&database).await;
    let mut append = connection.append().await.unwrap();
    append.add(&one(1)).await.unwrap();
    assert_eq!(cluster.terminate_backends(), 1);
    let failure = append.commit().await.unwrap_err();
    assert_eq!(write_problem(&failure), ServerProblem::Lost, "{failure}");
    assert_eq!(database.query("SELECT count(*) FROM rootgate.records"), "0");
}

/// The server answers such a COMMIT without an error.
#[tokio::test]
async fn a_commit_after_a_statement_that_failed_is_no_commit() {
    let database = Cluster::shared().database("aborted");
    let mut connection = connect(&database).await;
    append(connection.as_mut(), 1).await.unwrap();
    let mut again = connection.append().await.unwrap();
    again.add(&one(2)).await.unwrap();
    again.add(&one(2)).await.unwrap_err();
    again.commit().await.unwrap_err();
    assert_eq!(database.query("SELECT count(*) FROM rootgate.records"), "1");
    append(connection.as_mut(), 2).await.unwrap();
}

#[tokio::test]
async fn a_server_that_could_lose_commits_is_refused_even_while_it_is_in_use() {
    let cluster = Cluster::start_new(&Options::default());
    let database = cluster.database("durable");
    let mut connection = connect(&database).await;
    for setting in ["fsync", "full_page_writes"] {
        cluster.alter_system(setting, "off");
        let error = refused(&location(&database)).await;
        assert_eq!(problem(&error), ServerProblem::NotDurable);
        assert!(error.to_string().contains("fsync = on"), "{error}");
        let failure = append(connection.as_mut(), 1).await.unwrap_err();
        assert_eq!(write_problem(&failure), ServerProblem::NotDurable, "{setting}");
        cluster.alter_system(setting, "on");
    }
    // The settings reach a session that is open at its next statement.
    append(connection.as_mut(), 1).await.unwrap();
}

/// What the gateway's own sessions have, whatever role and database say.
#[tokio::test]
async fn a_commit_waits_for_the_disk_whatever_the_role_prefers() {
    let database = Cluster::shared().database("session");
    connect(&database).await;
    let name = database.name();
    database.execute(&format!(
        "ALTER DATABASE {name} SET synchronous_commit = off; ALTER DATABASE {name} SET lock_timeout = 0; \
         ALTER DATABASE {name} SET search_path = public; \
         CREATE TABLE public.seen (said text); \
         CREATE FUNCTION public.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
            INSERT INTO public.seen SELECT current_setting(s) FROM unnest(ARRAY['synchronous_commit', 'lock_timeout', \
                'statement_timeout', 'idle_in_transaction_session_timeout', 'search_path', 'transaction_isolation']) AS s; \
            RETURN NEW; END $$; \
         CREATE TRIGGER look AFTER INSERT ON rootgate.records FOR EACH ROW EXECUTE FUNCTION public.look()"
    ));
    append(connect(&database).await.as_mut(), 1).await.unwrap();
    assert_eq!(database.query("SELECT * FROM public.seen"), "on\n5s\n8s\n8s\npg_catalog\nread committed");
    database.execute(&format!("ALTER DATABASE {name} SET synchronous_commit = remote_apply; TRUNCATE public.seen"));
    append(connect(&database).await.as_mut(), 2).await.unwrap();
    assert!(database.query("SELECT * FROM public.seen").starts_with("remote_apply\n"), "more is not taken away");
}

#[tokio::test]
async fn what_the_server_says_while_writing_has_its_fix() {
    let database = Cluster::shared().database("says");
    connect(&database).await;
    database.execute(
        "CREATE TABLE public.code (code text); INSERT INTO public.code VALUES (''); \
         CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
            RAISE EXCEPTION 'it fails' USING ERRCODE = (SELECT code FROM public.code); END $$; \
         CREATE TRIGGER fail BEFORE INSERT ON rootgate.records FOR EACH ROW EXECUTE FUNCTION public.fail()",
    );
    for (code, expected, fix) in [
        ("53100", ServerProblem::DiskFull, "free space"),
        ("53200", ServerProblem::OutOfMemory, "give it more"),
        ("25006", ServerProblem::ReadOnly, "primary"),
        ("55P03", ServerProblem::Held, "pg_stat_activity"),
        ("57014", ServerProblem::Slow, "synchronous standbys"),
        ("42501", ServerProblem::NotAllowed, "docs/OPERATIONS.md"),
        ("XX001", ServerProblem::Corrupt, "backup"),
        ("08006", ServerProblem::Lost, "network"),
        ("22012", ServerProblem::Other, "server's log"),
    ] {
        database.execute(&format!("UPDATE public.code SET code = '{code}'"));
        let place = location(&database);
        let mut connection = connect(&database).await;
        let mut append = connection.append().await.unwrap();
        let error = append.add(&one(1)).await.unwrap_err();
        let failure = error.writing(&place);
        assert_eq!(write_problem(&failure), expected, "{code}");
        let words = failure.to_string();
        assert!(words.contains(fix) && words.contains("it fails") && words.contains("goes on by itself"), "{words}");
    }
}

#[tokio::test]
async fn a_database_that_became_read_only_says_so() {
    let database = Cluster::shared().database("readonly");
    connect(&database).await;
    database.execute(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name()));
    let failure = append(connect(&database).await.as_mut(), 1).await.unwrap_err();
    assert_eq!(write_problem(&failure), ServerProblem::ReadOnly, "{failure}");
    store(&database).await.snapshot().await.unwrap();
}

#[tokio::test]
async fn a_long_message_of_the_server_is_cut_and_obeyed_by_no_terminal() {
    let database = Cluster::shared().database("long");
    let fault = crate::store::StoreError::server(ServerProblem::Other, format!("\u{1b}[2J{}", "x".repeat(10_000)));
    let words = fault.writing(&location(&database)).to_string();
    assert!(words.chars().count() < 600 && !words.contains('\u{1b}'), "{words}");
}
