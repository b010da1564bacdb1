//! Bringing a database up to date, and back.

use crate::support::{TestApp, empty_database};
use api::{config::Database, database};
use chrono::TimeDelta;
use futures::future::join_all;
use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection};

async fn names(db: &DatabaseConnection, query: &str) -> Vec<String> {
    let rows = db
        .query_all_raw(sea_orm::Statement::from_string(
            sea_orm::DbBackend::Postgres,
            query,
        ))
        .await
        .unwrap();
    rows.iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect()
}

/// All that the migrations make, by name: tables, columns, indexes and constraints.
async fn schema(db: &DatabaseConnection) -> Vec<String> {
    let query = "
        SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable AS name
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'seaql_migrations'
        UNION ALL SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
          AND conrelid::regclass::text <> 'seaql_migrations'
        UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'seaql_migrations'
        ORDER BY name";
    names(db, query).await
}

async fn migrated() -> (Database, DatabaseConnection) {
    let settings = empty_database().await;
    database::migrate(&settings).await.unwrap();
    let db = database::connect(&settings).await.unwrap();
    (settings, db)
}

#[tokio::test]
async fn migrating_twice_does_no_more_than_migrating_once() {
    let (settings, db) = migrated().await;
    let once = schema(&db).await;
    assert!(once.len() > 100, "{once:#?}");
    database::migrate(&settings).await.unwrap();
    assert_eq!(schema(&db).await, once);
}

#[tokio::test]
async fn of_four_that_migrate_at_once_all_succeed() {
    let settings = empty_database().await;
    for outcome in join_all((0..4).map(|_| database::migrate(&settings))).await {
        outcome.unwrap();
    }
    let db = database::connect(&settings).await.unwrap();
    let applied = names(&db, "SELECT version FROM seaql_migrations ORDER BY version").await;
    let wanted: Vec<_> = Migrator::migrations()
        .iter()
        .map(|migration| migration.name().to_owned())
        .collect();
    assert_eq!(applied, wanted);
}

#[tokio::test]
async fn all_migrations_go_back_to_nothing_and_up_again_to_the_same() {
    let (_, db) = migrated().await;
    let before = schema(&db).await;
    Migrator::down(&db, None).await.unwrap();
    assert_eq!(schema(&db).await, Vec::<String>::new());
    Migrator::up(&db, None).await.unwrap();
    assert_eq!(schema(&db).await, before);
}

#[tokio::test]
async fn every_constraint_has_a_name_of_our_own() {
    let (_, db) = migrated().await;
    // What Postgres names itself, it names after the table and the columns.
    let generated = "
        SELECT conname::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
          AND conrelid <> 0 AND conrelid::regclass::text <> 'seaql_migrations'
          AND (conname LIKE '%\\_check%' OR conname LIKE '%\\_id\\_fkey' OR conname LIKE '%\\_excl%')";
    assert_eq!(names(&db, generated).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_server_is_ready_once_its_database_has_had_every_migration() {
    let settings = empty_database().await;
    let test = TestApp::start_with({
        let settings = settings.clone();
        |config| config.database = settings
    })
    .await;
    let prober = test.stranger();
    prober.get("/livez").await.expect(200);
    let not_yet = prober.get("/readyz").await;
    assert_eq!(not_yet.headers["retry-after"], "2");
    let problem = not_yet.expect_problem(503, "unavailable");
    assert!(!problem.to_string().contains("migration"), "{problem:#}");

    // Within a second the database is not asked again.
    database::migrate(&settings).await.unwrap();
    prober
        .get("/readyz")
        .await
        .expect_problem(503, "unavailable");
    test.pass(TimeDelta::seconds(1));
    assert_eq!(prober.get("/readyz").await.expect(200)["status"], "ok");

    Migrator::down(&test.app.db, Some(1)).await.unwrap();
    prober.get("/readyz").await.expect(200);
    test.pass(TimeDelta::seconds(1));
    prober
        .get("/readyz")
        .await
        .expect_problem(503, "unavailable");
}
