-- Three conversations as version 0.1 kept them in Postgres: ana with two turns, ben and eve each with an interrupted turn.
CREATE TABLE checkpoint_blobs (
    thread_id text NOT NULL,
    checkpoint_ns text DEFAULT ''::text NOT NULL,
    channel text NOT NULL,
    version text NOT NULL,
    type text NOT NULL,
    blob bytea
);
CREATE TABLE checkpoint_migrations (
    v integer NOT NULL
);
CREATE TABLE checkpoint_writes (
    thread_id text NOT NULL,
    checkpoint_ns text DEFAULT ''::text NOT NULL,
    checkpoint_id text NOT NULL,
    task_id text NOT NULL,
    idx integer NOT NULL,
    channel text NOT NULL,
    type text,
    blob bytea NOT NULL,
    task_path text DEFAULT ''::text NOT NULL
);
CREATE TABLE checkpoints (
    thread_id text NOT NULL,
    checkpoint_ns text DEFAULT ''::text NOT NULL,
    checkpoint_id text NOT NULL,
    parent_checkpoint_id text,
    type text,
    checkpoint jsonb NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL
);
INSERT INTO checkpoint_blobs VALUES ('ana', '', 'turns', '00000000000000000000000000000002.0.5540685125099906', 'msgpack', '\x9186a56865617264af4d79206e616d6520697320416e612ea57479706564af4d79206e616d6520697320416e612ea4636c6970c0a57265706c79bf49206865617220796f752c20616e6420697420736f756e647320686172642ea7656d6f74696f6ea76e65757472616ca47269736bc0');
INSERT INTO checkpoint_blobs VALUES ('ana', '', 'turns', '00000000000000000000000000000004.0.10998632140158349', 'msgpack', '\x9286a56865617264af4d79206e616d6520697320416e612ea57479706564af4d79206e616d6520697320416e612ea4636c6970c0a57265706c79bf49206865617220796f752c20616e6420697420736f756e647320686172642ea7656d6f74696f6ea76e65757472616ca47269736bc086a56865617264b04d7920646f672052657820646965642ea57479706564b04d7920646f672052657820646965642ea4636c6970c0a57265706c79bf49206865617220796f752c20616e6420697420736f756e647320686172642ea7656d6f74696f6ea77361646e657373a47269736bc0');
INSERT INTO checkpoint_blobs VALUES ('ben', '', 'turns', '00000000000000000000000000000002.0.34271643084046177', 'msgpack', '\x9186a56865617264b6492077616e7420746f206b696c6c206d7973656c662ea57479706564b6492077616e7420746f206b696c6c206d7973656c662ea4636c6970c0a57265706c79da013f4920616d207265616c6c7920676c616420796f75207361696420746869732c20616e64204920616d20736f72727920697420687572747320736f206d7563682e20596f7520646f206e6f74206861766520746f206661636520697420616c6f6e652e20506c6561736520726561636820736f6d656f6e65206e6f773a2063616c6c20796f7572206c6f63616c20656d657267656e6379206e756d6265722c206f72206120637269736973206c696e652028696e2074686520555320616e642043616e6164612063616c6c206f722074657874203938383b20696e2074686520554b20616e64204972656c616e642063616c6c2031313620313233292c206f722061736b206120706572736f6e206e65617220796f7520746f2073746179207769746820796f752e2041726520796f752073616665207269676874206e6f773fa7656d6f74696f6ea7756e6b6e6f776ea47269736ba973656c662d6861726d');
INSERT INTO checkpoints VALUES ('ana', '', '1f1e8f27-217c-60de-8000-f034f74830bc', NULL, NULL, '{"v": 4, "id": "1f1e8f27-217c-60de-8000-f034f74830bc", "ts": "2026-11-25T17:05:41.908494+00:00", "versions_seen": {"__start__": {}}, "channel_values": {"clip": null, "typed": "My name is Ana.", "branch:to:answer": null}, "channel_versions": {"clip": "00000000000000000000000000000001.0.8231230037498325", "typed": "00000000000000000000000000000001.0.8231230037498325", "branch:to:answer": "00000000000000000000000000000001.0.8231230037498325"}, "updated_channels": null}', '{"step": 0, "source": "update", "parents": {}}');
INSERT INTO checkpoints VALUES ('ana', '', '1f1e8f27-21af-6dc1-8001-4363c5383244', '1f1e8f27-217c-60de-8000-f034f74830bc', NULL, '{"v": 4, "id": "1f1e8f27-21af-6dc1-8001-4363c5383244", "ts": "2026-11-25T17:05:41.929709+00:00", "versions_seen": {"answer": {}, "__start__": {}}, "channel_values": {"clip": null, "typed": "My name is Ana."}, "channel_versions": {"clip": "00000000000000000000000000000001.0.8231230037498325", "turns": "00000000000000000000000000000002.0.5540685125099906", "typed": "00000000000000000000000000000001.0.8231230037498325", "branch:to:answer": "00000000000000000000000000000002.0.5540685125099906"}, "updated_channels": null}', '{"step": 1, "source": "update", "parents": {}}');
INSERT INTO checkpoints VALUES ('ana', '', '1f1e8f27-21c4-6702-8002-22d7b9ab29f0', '1f1e8f27-21af-6dc1-8001-4363c5383244', NULL, '{"v": 4, "id": "1f1e8f27-21c4-6702-8002-22d7b9ab29f0", "ts": "2026-11-25T17:05:41.938136+00:00", "versions_seen": {"answer": {}, "__start__": {}}, "channel_values": {"clip": null, "typed": "My dog Rex died.", "branch:to:answer": null}, "channel_versions": {"clip": "00000000000000000000000000000003.0.22324198435840148", "turns": "00000000000000000000000000000002.0.5540685125099906", "typed": "00000000000000000000000000000003.0.22324198435840148", "branch:to:answer": "00000000000000000000000000000003.0.22324198435840148"}, "updated_channels": null}', '{"step": 2, "source": "update", "parents": {}}');
INSERT INTO checkpoints VALUES ('ana', '', '1f1e8f27-21ea-6777-8003-871d26e9ff61', '1f1e8f27-21c4-6702-8002-22d7b9ab29f0', NULL, '{"v": 4, "id": "1f1e8f27-21ea-6777-8003-871d26e9ff61", "ts": "2026-11-25T17:05:41.953714+00:00", "versions_seen": {"answer": {}, "__start__": {}}, "channel_values": {"clip": null, "typed": "My dog Rex died."}, "channel_versions": {"clip": "00000000000000000000000000000003.0.22324198435840148", "turns": "00000000000000000000000000000004.0.10998632140158349", "typed": "00000000000000000000000000000003.0.22324198435840148", "branch:to:answer": "00000000000000000000000000000004.0.10998632140158349"}, "updated_channels": null}', '{"step": 3, "source": "update", "parents": {}}');
INSERT INTO checkpoints VALUES ('ben', '', '1f1e8f27-21f5-6a55-8000-6b39f1c6ef42', NULL, NULL, '{"v": 4, "id": "1f1e8f27-21f5-6a55-8000-6b39f1c6ef42", "ts": "2026-11-25T17:05:41.958299+00:00", "versions_seen": {"__start__": {}}, "channel_values": {"clip": null, "typed": "I want to kill myself.", "branch:to:answer": null}, "channel_versions": {"clip": "00000000000000000000000000000001.0.7090964545492516", "typed": "00000000000000000000000000000001.0.7090964545492516", "branch:to:answer": "00000000000000000000000000000001.0.7090964545492516"}, "updated_channels": null}', '{"step": 0, "source": "update", "parents": {}}');
INSERT INTO checkpoints VALUES ('ben', '', '1f1e8f27-2204-6725-8001-2e9bacaa81e7', '1f1e8f27-21f5-6a55-8000-6b39f1c6ef42', NULL, '{"v": 4, "id": "1f1e8f27-2204-6725-8001-2e9bacaa81e7", "ts": "2026-11-25T17:05:41.964349+00:00", "versions_seen": {"answer": {}, "__start__": {}}, "channel_values": {"clip": null, "typed": "I want to kill myself."}, "channel_versions": {"clip": "00000000000000000000000000000001.0.7090964545492516", "turns": "00000000000000000000000000000002.0.34271643084046177", "typed": "00000000000000000000000000000001.0.7090964545492516", "branch:to:answer": "00000000000000000000000000000002.0.34271643084046177"}, "updated_channels": null}', '{"step": 1, "source": "update", "parents": {}}');
INSERT INTO checkpoints VALUES ('ben', '', '1f1e8f27-224c-6427-8002-6daa804bd698', '1f1e8f27-2204-6725-8001-2e9bacaa81e7', NULL, '{"v": 4, "id": "1f1e8f27-224c-6427-8002-6daa804bd698", "ts": "2026-11-25T17:05:41.993763+00:00", "versions_seen": {"answer": {}, "__start__": {}}, "channel_values": {"clip": null, "typed": "Are you there?", "branch:to:answer": null}, "channel_versions": {"clip": "00000000000000000000000000000003.0.9581091838771818", "turns": "00000000000000000000000000000002.0.34271643084046177", "typed": "00000000000000000000000000000003.0.9581091838771818", "branch:to:answer": "00000000000000000000000000000003.0.9581091838771818"}, "updated_channels": null}', '{"step": 2, "source": "update", "parents": {}}');
INSERT INTO checkpoints VALUES ('eve', '', '1f1e8f27-225d-64bb-8000-d8d0bbda22ee', NULL, NULL, '{"v": 4, "id": "1f1e8f27-225d-64bb-8000-d8d0bbda22ee", "ts": "2026-11-25T17:05:42.000754+00:00", "versions_seen": {"__start__": {}}, "channel_values": {"clip": null, "typed": "It is my first time here.", "branch:to:answer": null}, "channel_versions": {"clip": "00000000000000000000000000000001.0.8594927006884575", "typed": "00000000000000000000000000000001.0.8594927006884575", "branch:to:answer": "00000000000000000000000000000001.0.8594927006884575"}, "updated_channels": null}', '{"step": 0, "source": "update", "parents": {}}');
