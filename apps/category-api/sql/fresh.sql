-- What Shopizer writes into an empty database, and nothing can be asked without.
insert into language values ('en'), ('fr'), ('es');

insert into store (id, code, parent_id, default_language) values (1, 'DEFAULT', null, 'en');

insert into manufacturer (id, store_id, code, sort_order) values (1, 1, 'DEFAULT', 0);
insert into manufacturer_description (id, manufacturer_id, language, name, description) values (1, 1, 'en', 'DEFAULT', 'DEFAULT');
