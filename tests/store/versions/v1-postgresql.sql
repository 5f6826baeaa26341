CREATE FUNCTION reconciler_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$;
CREATE TABLE calls (
    id bigint NOT NULL,
    account text NOT NULL,
    reserved double precision NOT NULL,
    settled double precision
);
CREATE SEQUENCE calls_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE calls_id_seq OWNED BY calls.id;
CREATE TABLE events (
    id bigint NOT NULL,
    run bigint NOT NULL,
    operation text NOT NULL,
    at double precision NOT NULL,
    state text NOT NULL,
    detail text NOT NULL,
    proof text NOT NULL
);
CREATE SEQUENCE events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE events_id_seq OWNED BY events.id;
CREATE TABLE facts (
    target text NOT NULL,
    name text NOT NULL,
    value text NOT NULL,
    at double precision NOT NULL
);
CREATE TABLE leases (
    target text NOT NULL,
    organisation bigint NOT NULL,
    token text NOT NULL,
    holder text NOT NULL,
    host text NOT NULL,
    command text NOT NULL,
    run bigint,
    seconds double precision NOT NULL,
    since double precision NOT NULL,
    until double precision NOT NULL
);
CREATE TABLE lock_breaks (
    id bigint NOT NULL,
    at double precision NOT NULL,
    by text NOT NULL,
    reason text NOT NULL,
    target text NOT NULL,
    organisation bigint NOT NULL,
    holder text NOT NULL,
    host text NOT NULL,
    command text NOT NULL,
    run bigint,
    since double precision NOT NULL,
    until double precision NOT NULL
);
CREATE SEQUENCE lock_breaks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE lock_breaks_id_seq OWNED BY lock_breaks.id;
CREATE TABLE operations (
    run bigint NOT NULL,
    operation text NOT NULL,
    sequence integer NOT NULL,
    learner bigint NOT NULL,
    moves json NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    body json NOT NULL
);
CREATE TABLE pauses (
    account text NOT NULL,
    until double precision NOT NULL
);
CREATE TABLE reconciler_schema (
    version integer NOT NULL,
    at double precision NOT NULL
);
CREATE SEQUENCE reconciler_schema_version_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE reconciler_schema_version_seq OWNED BY reconciler_schema.version;
CREATE TABLE record (
    target text NOT NULL,
    organisation bigint NOT NULL,
    learner bigint NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    staff bigint,
    run bigint NOT NULL,
    at double precision NOT NULL
);
CREATE TABLE run_ends (
    run bigint NOT NULL,
    at double precision NOT NULL,
    exit_code integer NOT NULL,
    summary json NOT NULL
);
CREATE TABLE runs (
    id bigint NOT NULL,
    started double precision NOT NULL,
    command text NOT NULL,
    target text NOT NULL,
    organisation bigint NOT NULL,
    fingerprint text NOT NULL,
    who text NOT NULL,
    commit_id text NOT NULL
);
CREATE SEQUENCE runs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE runs_id_seq OWNED BY runs.id;
ALTER TABLE ONLY calls ALTER COLUMN id SET DEFAULT nextval('calls_id_seq'::regclass);
ALTER TABLE ONLY events ALTER COLUMN id SET DEFAULT nextval('events_id_seq'::regclass);
ALTER TABLE ONLY lock_breaks ALTER COLUMN id SET DEFAULT nextval('lock_breaks_id_seq'::regclass);
ALTER TABLE ONLY reconciler_schema ALTER COLUMN version SET DEFAULT nextval('reconciler_schema_version_seq'::regclass);
ALTER TABLE ONLY runs ALTER COLUMN id SET DEFAULT nextval('runs_id_seq'::regclass);
INSERT INTO events VALUES (1, 1, 'b331a151f5f0', 1795614113.568259, 'intent', '', '');
INSERT INTO events VALUES (2, 1, '618dab0ec835', 1795614113.568259, 'intent', '', '');
INSERT INTO events VALUES (3, 1, '88b6e102eb40', 1795614113.568259, 'intent', '', '');
INSERT INTO events VALUES (4, 1, '0e15cc888228', 1795614113.568259, 'intent', '', '');
INSERT INTO events VALUES (5, 1, 'b331a151f5f0', 1795614113.582056, 'sent', '', '');
INSERT INTO events VALUES (6, 1, 'b331a151f5f0', 1795614113.588278, 'done', '', '');
INSERT INTO events VALUES (7, 1, 'b331a151f5f0', 1795614113.59573, 'done', 'OneFile does not show this slot', 'unreadable');
INSERT INTO events VALUES (8, 1, '618dab0ec835', 1795614113.599504, 'sent', '', '');
INSERT INTO events VALUES (9, 1, '618dab0ec835', 1795614113.604468, 'done', '', '');
INSERT INTO events VALUES (10, 1, '618dab0ec835', 1795614113.611079, 'done', '', 'read_back');
INSERT INTO events VALUES (11, 1, '88b6e102eb40', 1795614113.614763, 'sent', '', '');
INSERT INTO events VALUES (12, 1, '88b6e102eb40', 1795614113.619228, 'done', '', '');
INSERT INTO events VALUES (13, 1, '88b6e102eb40', 1795614113.625913, 'done', '', 'read_back');
INSERT INTO events VALUES (14, 1, '0e15cc888228', 1795614113.629627, 'sent', '', '');
INSERT INTO events VALUES (15, 1, '0e15cc888228', 1795614113.637804, 'done', '', '');
INSERT INTO events VALUES (16, 1, '0e15cc888228', 1795614113.64486, 'done', '', 'read_back');
INSERT INTO facts VALUES ('sandbox', 'cohorts:5740', '["business-admin-l3-2026"]', 1795614113.648586);
INSERT INTO lock_breaks VALUES (1, 1795614113.861275, 'quality-lead', 'a trial', 'sandbox', 5740, 'quality-lead', 'desk', 'apply', 1, 1795614113.85506, 1795614114.85506);
INSERT INTO operations VALUES (1, 'b331a151f5f0', 1, 200004, '[["additional", 127733, "unreadable", 127733]]', 'POST', '/User/127733/Assign', '{"LearnerID": 200004, "Level": 1}');
INSERT INTO operations VALUES (1, '618dab0ec835', 2, 200004, '[["learning_aim_assessor", 41242, null, 122762]]', 'POST', '/User/122762/Assign', '{"LearnerID": 200004, "Level": 3, "StandardID": 41242}');
INSERT INTO operations VALUES (1, '88b6e102eb40', 3, 200004, '[["learning_aim_iqa", 41242, null, 118204]]', 'POST', '/User/118204/Assign', '{"LearnerID": 200004, "Level": 3, "StandardID": 41242}');
INSERT INTO operations VALUES (1, '0e15cc888228', 4, 200004, '[["unit_assessor", "KS_COMM1", null, 132757]]', 'POST', '/User/132757/Assign', '{"LearnerID": 200004, "Level": 2, "UnitID": "KS_COMM1"}');
INSERT INTO reconciler_schema VALUES (1, 1795614113.443594);
INSERT INTO record VALUES ('sandbox', 5740, 200004, 'default_assessor', 'null', 132757, 1, 1795614113.574628);
INSERT INTO record VALUES ('sandbox', 5740, 200004, 'default_employer', 'null', 139015, 1, 1795614113.574628);
INSERT INTO record VALUES ('sandbox', 5740, 200004, 'learning_aim_assessor', '41240', 132757, 1, 1795614113.574628);
INSERT INTO record VALUES ('sandbox', 5740, 200004, 'learning_aim_iqa', '41240', 118204, 1, 1795614113.574628);
INSERT INTO record VALUES ('sandbox', 5740, 200004, 'unit_iqa', '"KS_COMM1"', 118204, 1, 1795614113.574628);
INSERT INTO record VALUES ('sandbox', 5740, 200004, 'additional', '127733', 127733, 1, 1795614113.586277);
INSERT INTO record VALUES ('sandbox', 5740, 200004, 'learning_aim_assessor', '41242', 122762, 1, 1795614113.603186);
INSERT INTO record VALUES ('sandbox', 5740, 200004, 'learning_aim_iqa', '41242', 118204, 1, 1795614113.618046);
INSERT INTO record VALUES ('sandbox', 5740, 200004, 'unit_assessor', '"KS_COMM1"', 132757, 1, 1795614113.636391);
INSERT INTO run_ends VALUES (1, 1795614113.651983, 0, '{"done": 4}');
INSERT INTO runs VALUES (1, 1795614113.534286, 'apply', 'sandbox', 5740, 'sha256:c9adfa6e254fb048cd2e36858ccd7d09bee031037bce694252a838e9048e0b93', 'quality-lead', '');
SELECT pg_catalog.setval('calls_id_seq', 1, false);
SELECT pg_catalog.setval('events_id_seq', 16, true);
SELECT pg_catalog.setval('lock_breaks_id_seq', 1, true);
SELECT pg_catalog.setval('reconciler_schema_version_seq', 1, false);
SELECT pg_catalog.setval('runs_id_seq', 1, true);
ALTER TABLE ONLY calls
    ADD CONSTRAINT calls_pkey PRIMARY KEY (id);
ALTER TABLE ONLY events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);
ALTER TABLE ONLY facts
    ADD CONSTRAINT facts_pkey PRIMARY KEY (target, name);
ALTER TABLE ONLY leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (target, organisation);
ALTER TABLE ONLY lock_breaks
    ADD CONSTRAINT lock_breaks_pkey PRIMARY KEY (id);
ALTER TABLE ONLY operations
    ADD CONSTRAINT operations_pkey PRIMARY KEY (run, operation);
ALTER TABLE ONLY operations
    ADD CONSTRAINT operations_run_sequence_key UNIQUE (run, sequence);
ALTER TABLE ONLY pauses
    ADD CONSTRAINT pauses_pkey PRIMARY KEY (account);
ALTER TABLE ONLY reconciler_schema
    ADD CONSTRAINT reconciler_schema_pkey PRIMARY KEY (version);
ALTER TABLE ONLY record
    ADD CONSTRAINT record_pkey PRIMARY KEY (target, organisation, learner, kind, key);
ALTER TABLE ONLY run_ends
    ADD CONSTRAINT run_ends_pkey PRIMARY KEY (run);
ALTER TABLE ONLY runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);
CREATE INDEX calls_by_account ON calls USING btree (account);
CREATE INDEX events_by_operation ON events USING btree (run, operation, id);
CREATE INDEX events_by_state ON events USING btree (state);
CREATE INDEX operations_by_learner ON operations USING btree (learner);
CREATE TRIGGER events_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION reconciler_append_only();
CREATE TRIGGER lock_breaks_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON lock_breaks FOR EACH STATEMENT EXECUTE FUNCTION reconciler_append_only();
CREATE TRIGGER operations_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON operations FOR EACH STATEMENT EXECUTE FUNCTION reconciler_append_only();
CREATE TRIGGER run_ends_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON run_ends FOR EACH STATEMENT EXECUTE FUNCTION reconciler_append_only();
CREATE TRIGGER runs_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON runs FOR EACH STATEMENT EXECUTE FUNCTION reconciler_append_only();
ALTER TABLE ONLY events
    ADD CONSTRAINT events_run_operation_fkey FOREIGN KEY (run, operation) REFERENCES operations(run, operation);
ALTER TABLE ONLY operations
    ADD CONSTRAINT operations_run_fkey FOREIGN KEY (run) REFERENCES runs(id);
ALTER TABLE ONLY record
    ADD CONSTRAINT record_run_fkey FOREIGN KEY (run) REFERENCES runs(id);
ALTER TABLE ONLY run_ends
    ADD CONSTRAINT run_ends_run_fkey FOREIGN KEY (run) REFERENCES runs(id);
