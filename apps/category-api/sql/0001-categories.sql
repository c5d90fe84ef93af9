-- compatible-with: 1

create table language (
  code text primary key
);

create table store (
  id bigint primary key,
  code text not null unique,
  parent_id bigint references store,
  default_language text not null references language
);

create table category (
  id bigint primary key,
  store_id bigint not null references store,
  parent_id bigint references category,
  code varchar(100) not null,
  lineage text not null,
  depth integer not null,
  sort_order integer not null,
  visible boolean not null,
  featured boolean not null,
  unique (store_id, code)
);
create index category_by_parent on category (parent_id);

create table category_description (
  id bigint primary key,
  category_id bigint not null references category,
  language text not null references language,
  name varchar(120) not null,
  description text,
  friendly_url varchar(120),
  key_words text,
  highlights text,
  meta_description text,
  title varchar(120),
  unique (category_id, language)
);
create index category_description_by_slug on category_description (friendly_url);

create table manufacturer (
  id bigint primary key,
  store_id bigint not null references store,
  code varchar(100) not null,
  sort_order integer not null,
  unique (store_id, code)
);

create table manufacturer_description (
  id bigint primary key,
  manufacturer_id bigint not null references manufacturer,
  language text not null references language,
  name varchar(120) not null,
  description text,
  unique (manufacturer_id, language)
);

create table product (
  id bigint primary key,
  store_id bigint not null references store,
  manufacturer_id bigint references manufacturer
);

create table product_category (
  product_id bigint references product,
  category_id bigint references category,
  primary key (product_id, category_id)
);
create index product_category_by_category on product_category (category_id);
